"""Eight players and their evening, through a server that is killed twice.

usage: evening.py URL LOBBY

They sign up and in, gather in parties, find the lobby of this name, chat, take seats, say that they are ready, play the match that the lobby's
host starts, and look at what came of it. Prints `KILL` when the server is to be killed and started again, and `DONE` in the end.
"""

import asyncio
import json
import os
import sys

import httpx
import websockets

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../examples/game_host"))
from game_host import Connection, merge  # noqa: E402

URL, LOBBY = sys.argv[1], sys.argv[2]
NAMES = ["ana", "ben", "cy", "dora", "eli", "fay", "gus", "hana"]
PATIENCE = 60


class Player:
    def __init__(self, name):
        self.name = name
        self.events = []
        self.arrivals = 0
        self.changed = asyncio.Event()
        self.lobby = None
        self.match = None
        self.token = None

    async def sign_in(self, http):
        password = "correct horse battery"
        account = {"name": self.name, "email": f"{self.name}@example.org", "password": password}
        (await http.post("/v1/accounts", json=account)).raise_for_status()
        signed_in = await http.post("/v1/accounts/sign_in", json={"login": self.name, "password": password})
        signed_in.raise_for_status()
        self.access, self.id = signed_in.json()["access_token"], signed_in.json()["user"]["id"]

    async def stay_connected(self):
        url = URL.replace("http", "ws", 1) + "/v1/socket"
        while True:
            try:
                headers = {"authorization": f"Bearer {self.access}"}
                async with websockets.connect(url, additional_headers=headers) as socket:
                    self.server = Connection(socket)
                    await self.server.listen(self.hear)
            except (OSError, websockets.WebSocketException):
                pass
            await asyncio.sleep(0.1)

    def hear(self, event, data):
        self.events.append((event, data))
        if event == "session.ready":
            self.ready = data
            own = data["lobbies"].get("lobby")
            self.lobby = own and own["lobby"]
            if data["matches"]["playing"]:
                self.started(data["matches"]["playing"][0])
            self.arrivals += 1
        elif event == "lobbies.joined":
            self.lobby = data["lobby"]
        elif event == "lobbies.updated" and self.lobby and data["version"] > self.lobby["version"]:
            assert data["version"] == self.lobby["version"] + 1, "a change of the lobby is missing"
            self.lobby = merge(self.lobby, data["patch"])
        elif event == "matches.started":
            self.started(data)
        elif event == "matches.updated" and self.match and data["version"] > self.match["version"]:
            assert data["version"] == self.match["version"] + 1, "a change of the match is missing"
            self.match = merge(self.match, data["patch"])
        self.changed.set()

    def started(self, own):
        self.match, self.token = own["match"], own["token"]

    async def until(self, condition, what):
        async def wait():
            while not condition():
                self.changed.clear()
                await self.changed.wait()

        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise AssertionError(f"{self.name} waited for {what}; the lobby: {self.lobby}; the match: {self.match}")

    def heard(self, event):
        return [data for name, data in self.events if name == event]


async def each(players, deed):
    return await asyncio.gather(*(deed(player) for player in players))


async def killed(players):
    """The server dies, and all come back by themselves."""
    before = {player.name: player.arrivals for player in players}
    print("KILL", flush=True)
    await each(players, lambda player: player.until(lambda: player.arrivals > before[player.name], "the server"))


async def gather_in_parties(ana, ben, cy, dora):
    party = await ana.server.call("parties.create")
    await ana.server.call("parties.invite", party_id=party["id"], user_id=ben.id)
    await ben.until(lambda: ben.heard("parties.invited"), "an invite")
    joined = await ben.server.call("parties.accept", party_id=party["id"])
    assert [member["user_id"] for member in joined["members"]] == [ana.id, ben.id]
    other = await cy.server.call("parties.create", is_open=True)
    await dora.server.call("parties.join", code=other["code"])
    return party["id"]


async def find_lobby(player):
    while True:
        page = await player.server.call("lobbies.list")
        found = [lobby for lobby in page["items"] if lobby["name"] == LOBBY]
        if found:
            return found[0]["id"]
        await asyncio.sleep(0.1)


async def main():
    players = [Player(name) for name in NAMES]
    ana, ben, cy, dora, *_, hana = players
    async with httpx.AsyncClient(base_url=URL, timeout=30) as http:
        await each(players, lambda player: player.sign_in(http))
    connections = [asyncio.create_task(player.stay_connected()) for player in players]
    await each(players, lambda player: player.until(lambda: player.arrivals, "the server"))
    party = await gather_in_parties(ana, ben, cy, dora)

    lobby = await find_lobby(ana)
    await each(players, lambda player: player.server.call("lobbies.join", lobby_id=lobby, wish="play"))
    await each(players, lambda player: player.until(lambda: len(player.lobby["members"]) == 8, "all eight"))
    seats = [seat["user_id"] for team in ana.lobby["teams"].values() for seat in team["seats"]]
    assert sorted(seats) == sorted(player.id for player in players), ana.lobby
    room = ana.lobby["room_id"]
    await hana.server.call("communication.send", room_id=room, text="good evening")
    said = lambda player: any(sent["text"] == "good evening" for sent in player.heard("communication.message_sent"))
    await each(players, lambda player: player.until(lambda: said(player), "what hana says"))

    before = {player.name: player.lobby for player in players}
    await killed(players)
    for player in players:
        assert player.lobby["teams"] == before[player.name]["teams"], "everybody finds their seat again"
    assert ana.ready["parties"]["party"]["id"] == party, "and their party"
    history = await ana.server.call("communication.history", room_id=room)
    assert [message["text"] for message in history["items"]] == ["good evening"], history

    await each(players, lambda player: player.server.call("lobbies.update_self", lobby_id=lobby, is_ready=True))
    await each(players, lambda player: player.until(lambda: player.match, "the match"))
    assert len({player.token for player in players}) == 8, "each has a token of their own"
    await each(players, lambda player: player.until(lambda: player.match["status"] == "running", "the game"))
    match = ana.match["id"]
    assert ana.match["private"]["addresses"], "players know where to go"
    assert ana.match["members"][ana.id]["party_id"] == party

    token = ana.token
    await killed(players)
    assert (ana.match["id"], ana.token) == (match, token), "the match is on, with the same tokens"
    await each(players, lambda player: player.until(lambda: player.match["status"] == "ended", "the end"))
    outcomes = {player.name: player.match["members"][player.id]["result"] for player in players}
    assert sorted(outcomes.values()) == ["lost"] * 4 + ["won"] * 4, outcomes
    await ana.until(lambda: ana.lobby["status"] == "waiting" and "match_id" not in ana.lobby, "the lobby to open again")

    played = await ana.server.call("matches.list", user_id=ana.id)
    assert [item["id"] for item in played["items"]] == [match]
    assert played["items"][0]["user"]["result"] == outcomes["ana"]
    between = await ana.server.call("matches.head_to_head", user_id=ana.id, other_id=hana.id)
    assert between["together"]["played"] + between["against"]["played"] == 1, between
    for connection in connections:
        connection.cancel()
    print("DONE", flush=True)


asyncio.run(asyncio.wait_for(main(), 2 * PATIENCE))
