"""Eight players and their evening, through a server that is killed twice.

usage: evening.py URL LOBBY

They sign up and in, gather in parties, find the lobby of this name, chat, take seats, say that they are ready, play the match that the lobby's
host starts, and look at what came of it. Prints `KILL` when the server is to be killed and started again, and `DONE` in the end.
"""

import asyncio
import sys

import httpx
from client import PATIENCE, Client, each, killed
from game_host import merge

URL, LOBBY = sys.argv[1], sys.argv[2]
NAMES = ["ana", "ben", "cy", "dora", "eli", "fay", "gus", "hana"]


class Player(Client):
    def __init__(self, name):
        super().__init__(URL, name)
        self.lobby = None
        self.match = None
        self.token = None

    def hear(self, event, data):
        if event == "session.ready":
            own = data["lobbies"].get("lobby")
            self.lobby = own and own["lobby"]
            if data["matches"]["playing"]:
                self.started(data["matches"]["playing"][0])
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
        super().hear(event, data)

    def started(self, own):
        self.match, self.token = own["match"], own["token"]

    def __str__(self):
        return f"{self.name}, in the lobby {self.lobby} and the match {self.match},"


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
        await each(players, lambda player: player.sign_up(http))
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
