"""A small dedicated host: it opens a lobby, plays pretend matches for whoever gathers there, and reports how they ended.

usage: game_host.py URL KEY [--pool POOL] [--lobby NAME] [--mode MODE] [--teams COUNT SIZE] [--seconds N] [--matches N]

URL is the server's, such as http://127.0.0.1:7350. KEY is an API key with the permission `host`:
`moothall keys create berlin --bot berlin` makes one. It needs `pip install websockets`, and nothing else.

What a real host does besides: start the game, let only those in who show their token, and watch who leaves.
Both ends may go at any time. The server keeps what it was told; so this keeps nothing but its socket, asks where things stand
when it is back, and goes on from there.
"""

import argparse
import asyncio
import json
import random

import websockets

# Until the next try to connect: longer each time, and never all hosts at once.
RETRY_SECONDS = (0.2, 10)


def merge(document, patch):
    """A merge patch, RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    document = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            document.pop(key, None)
        else:
            document[key] = merge(document.get(key), value)
    return document


class Refused(Exception):
    """The server said no."""

    def __init__(self, error):
        super().__init__(error.get("message", error["code"]))
        self.code = error["code"]
        self.problem = error


class Connection:
    """One socket: calls go out and find their answers, events come in through `hear`."""

    def __init__(self, socket):
        self.socket = socket
        self.waiting = {}
        self.last = 0

    async def call(self, operation, **given):
        self.last += 1
        answer = self.waiting[self.last] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": self.last, "op": operation, "in": given}))
        message = await answer
        if "err" in message:
            raise Refused(message["err"])
        return message.get("out")

    async def listen(self, hear):
        """Until the socket closes."""
        try:
            async for text in self.socket:
                message = json.loads(text)
                if "id" in message:
                    answer = self.waiting.pop(message["id"], None)
                    if answer and not answer.done():
                        answer.set_result(message)
                elif "event" in message:
                    hear(message["event"], message["data"])
        finally:
            for answer in self.waiting.values():
                answer.cancel()


class GameHost:
    def __init__(self, arguments):
        self.arguments = arguments
        self.played = 0
        self.lobby = None  # as it is now, by the server's last word
        self.is_starting = False
        self.games = {}  # match id -> the task that plays it
        self.tasks = set()

    async def run(self):
        pause, longest = RETRY_SECONDS
        url = self.arguments.url.replace("http", "ws", 1) + "/v1/socket"
        while not self.is_done():
            try:
                headers = {"x-api-key": self.arguments.key}
                async with websockets.connect(url, additional_headers=headers) as socket:
                    pause = RETRY_SECONDS[0]
                    await self.serve(Connection(socket))
            except (OSError, websockets.WebSocketException) as error:
                print(f"away: {error}", flush=True)
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, longest)

    def is_done(self):
        return 0 < self.arguments.matches <= self.played

    async def serve(self, server):
        """One connection, from its first event to its end."""
        self.server = server
        listening = asyncio.create_task(server.listen(self.hear))
        try:
            await listening
        except websockets.ConnectionClosed:
            pass
        finally:
            for task in [*self.games.values(), *self.tasks]:
                task.cancel()
            self.games.clear()

    def hear(self, event, data):
        if event == "session.ready":
            self.begin(self.settle(data))
        elif event == "lobbies.updated" and self.lobby and data["lobby_id"] == self.lobby["id"]:
            # A patch with a version that is not higher is an old one.
            if data["version"] > self.lobby["version"]:
                self.lobby = merge(self.lobby, data["patch"])
                self.begin(self.start_if_ready())
        elif event == "lobbies.closed":
            self.lobby = None
        elif event == "matches.started":
            self.play(data["match"]["id"])

    def begin(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        task.add_done_callback(complain)

    async def settle(self, ready):
        """Where things stand, after a first connection as after the hundredth."""
        for hosted in ready["matches"]["hosted"]:
            self.play(hosted["match_id"])
        if self.arguments.pool:
            await self.server.call(
                "hosts.register",
                pool=self.arguments.pool,
                version="1.0",
                region="here",
                addresses=["127.0.0.1:9999"],
                capacity=4,
                running=[hosted["match_id"] for hosted in ready["matches"]["hosted"]],
            )
            print("registered", flush=True)
        if ready["lobbies"]["hosted"]:
            own = await self.server.call("lobbies.view", lobby_id=ready["lobbies"]["hosted"][0])
        elif self.arguments.lobby:
            count, size = self.arguments.teams
            own = await self.server.call(
                "lobbies.open",
                name=self.arguments.lobby,
                mode=self.arguments.mode,
                host_kind="dedicated",
                teams={"count": count, "size": size},
            )
        else:
            return
        self.lobby = own["lobby"]
        print(f"lobby {self.lobby['id']}", flush=True)
        await self.start_if_ready()

    async def start_if_ready(self):
        """Once each seat is taken and each player ready."""
        lobby = self.lobby
        seats = [seat for team in lobby["teams"].values() for seat in team["seats"]]
        size = sum(team["size"] for team in lobby["teams"].values())
        players = [seat["user_id"] for seat in seats if seat["kind"] == "user"]
        ready = all(lobby["members"][user]["is_ready"] for user in players if user in lobby["members"])
        if lobby["status"] == "waiting" and len(seats) == size and ready and not (self.is_starting or self.is_done()):
            self.is_starting = True
            try:
                await self.server.call("lobbies.start", lobby_id=lobby["id"], countdown_ms=0)
            except Refused as refused:
                # Somebody was quicker: the next change says what came of it.
                print(f"not started: {refused.code}", flush=True)
            finally:
                self.is_starting = False

    def play(self, match_id):
        if match_id not in self.games:
            game = self.games[match_id] = asyncio.create_task(self.game(match_id))
            game.add_done_callback(complain)
            game.add_done_callback(lambda _: self.games.pop(match_id, None))

    async def game(self, match_id):
        """A match, from wherever it stands to its end."""
        own = await self.server.call("matches.get", match_id=match_id)
        match, host = own["match"], own["host"]
        if match["status"] in ("reserved", "starting"):
            await self.server.call("matches.ready", match_id=match_id, addresses=["127.0.0.1:9999"])
            print(f"ready for {len(host['tokens'])}", flush=True)
        await asyncio.sleep(self.arguments.seconds)
        # Who left, and when, would stand here; each update has the number after the last that was acknowledged.
        await self.server.call("matches.update", match_id=match_id, update=host["update"] + 1, changes=[])
        players = {user: member["team"] for user, member in match["members"].items() if member.get("team")}
        winner = min(players.values())
        report = {
            "outcome": {"kind": "won", "teams": [winner]},
            "players": [
                {"user_id": user, "stats": {"score": 3 if team == winner else 1}} for user, team in players.items()
            ],
            "replay": f"https://replays.example.org/{match_id}",
        }
        await self.server.call("matches.report", match_id=match_id, report=report)
        self.played += 1
        print(f"team {winner} won {match_id}", flush=True)
        if self.is_done():
            await self.server.socket.close()


def complain(task):
    if not task.cancelled() and task.exception():
        print(f"went wrong: {task.exception()!r}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="A small dedicated host that plays pretend matches.")
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--pool", help="register in this pool")
    parser.add_argument("--lobby", help="open a lobby of this name")
    parser.add_argument("--mode", default="free")
    parser.add_argument("--teams", nargs=2, type=int, default=(2, 4), metavar=("COUNT", "SIZE"))
    parser.add_argument("--seconds", type=float, default=2, help="how long a match takes")
    parser.add_argument("--matches", type=int, default=0, help="end after so many")
    asyncio.run(GameHost(parser.parse_args()).run())


if __name__ == "__main__":
    main()
