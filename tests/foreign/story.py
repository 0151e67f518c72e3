"""An insult, and what comes of it: a report, a case, a restriction, an appeal, and everything as before.

usage: story.py URL ADMIN PASSWORD [--kills]

Ana and Ben play, Mo and Zoe moderate; players use sockets, moderators HTTP. Prints `KILL` between every two steps, if told to, when the server
is to be killed and started again, and `DONE` in the end.
"""

import asyncio
import datetime
import sys

import httpx
from client import PATIENCE, Client, each, killed
from game_host import Refused

URL, ADMIN, PASSWORD = sys.argv[1:4]
HAS_KILLS = "--kills" in sys.argv


async def main():
    ana, ben, mo, zoe = players = [Client(URL, name) for name in ["ana", "ben", "mo", "zoe"]]

    async def step():
        if HAS_KILLS:
            await killed(players)

    async with httpx.AsyncClient(base_url=URL, timeout=30) as http:

        async def ask(client, method, path, **given):
            """The answer, or the refusal."""
            headers = {"authorization": f"Bearer {client.access}"}
            answer = await http.request(method, "/v1" + path, headers=headers, json=given or None)
            return answer.json() if answer.content else None

        await each(players, lambda client: client.sign_up(http))
        root = Client(URL, ADMIN)
        await root.sign_in(http, PASSWORD)
        for moderator in [mo, zoe]:
            await ask(root, "PUT", f"/users/{moderator.id}/roles/moderator", reason="volunteers")
        connections = [asyncio.create_task(client.stay_connected()) for client in players]
        await each(players, lambda client: client.until(lambda: client.arrivals, "the server"))

        room = (await ana.server.call("communication.open_room", name="Tavern"))["id"]
        await each([ana, ben], lambda client: client.server.call("communication.join", room_id=room))

        async def say(client, text):
            return await client.server.call("communication.send", room_id=room, text=text)

        def told(client):
            """The kinds of the notices in the inbox, the oldest first."""
            return [notice["kind"] for notice in reversed(client["items"])]

        insult = await say(ana, "you play like a turnip")
        await ben.until(lambda: ben.heard("communication.message_sent"), "the insult")
        await step()

        report = {"subject": "message", "room_id": room, "message_id": insult["id"], "category": "insult"}
        receipt = await ben.server.call("moderation.report", **report)
        assert receipt["target_id"] == ana.id and receipt.get("outcome") is None, receipt
        try:
            raise AssertionError(await ben.server.call("moderation.report", **report))
        except Refused as refused:
            assert refused.code == "already_reported", refused.code
        await step()

        case = (await ask(mo, "POST", "/moderation/cases/next"))["case"]
        assert (case["target_id"], case["claimed_by"]) == (ana.id, mo.id), case
        await step()

        file = await ask(mo, "POST", f"/moderation/cases/{case['id']}/file")
        assert file["reports"][0]["evidence"]["message"]["text"] == "you play like a turnip", file["reports"]
        refusal = await ask(zoe, "POST", f"/moderation/cases/{case['id']}/claim")
        assert refusal["code"] == "case_claimed", refusal
        ends_at = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).isoformat()
        deed = {
            "kind": "restrict",
            "category": "insult",
            "reason": "said turnip",
            "public_reason": "be kind",
            "restriction": {"types": ["chat"], "ends_at": ends_at},
        }
        action = await ask(mo, "POST", "/moderation/actions", user_id=ana.id, deed=deed, case_id=case["id"])
        assert action["author_id"] == mo.id, action
        await ana.until(lambda: ana.heard("restrictions.imposed"), "the restriction")
        await step()

        async def refused():
            try:
                raise AssertionError(await say(ana, "what?"))
            except Refused as refused:
                assert refused.code == "restricted", refused.code
                return refused.problem["restriction"]

        why = await refused()
        assert (why["public_reason"], why["action_id"]) == ("be kind", action["id"]) and why["ends_at"], why
        if HAS_KILLS:
            assert ana.ready["restrictions"]["items"][0]["action_id"] == action["id"], ana.ready["restrictions"]
        assert "moderation.acted" in told(await ask(ana, "GET", "/notifications"))
        assert "moderation.report_closed" in told(await ask(ben, "GET", "/notifications"))
        outcome = (await ask(ben, "GET", "/moderation/reports/mine"))["items"][0]["outcome"]
        assert outcome == "agreed", outcome
        await step()

        appeal = await ana.server.call("moderation.appeal", action_id=action["id"], text="Turnips are delicious.")
        await step()

        assert (await refused())["appeal_id"] == appeal["id"]
        overturn = {"outcome": "overturn", "decision": "they are"}
        decision = f"/moderation/appeals/{appeal['id']}/decide"
        refusal = await ask(mo, "POST", decision, **overturn)
        assert refusal["code"] == "own_action", refusal
        await step()

        decided = await ask(zoe, "POST", decision, **overturn)
        assert decided["outcome"] == "overturn", decided
        await step()

        # All is as before, and both are told.
        said = await say(ana, "turnips!")
        await ben.until(lambda: said["id"] in [sent["id"] for sent in ben.heard("communication.message_sent")], "Ana")
        assert (await ana.server.call("restrictions.mine"))["items"] == []
        assert "moderation.appeal_decided" in told(await ask(ana, "GET", "/notifications"))
        assert "moderation.action_appealed" in told(await ask(mo, "GET", "/notifications"))
        log = await ask(root, "GET", f"/audit?target=user:{ana.id}")
        deeds = {line["action"] for line in log["items"]}
        assert {"moderation.act", "moderation.revert", "moderation.decide_appeal"} <= deeds, deeds
        for connection in connections:
            connection.cancel()
    print("DONE", flush=True)


asyncio.run(asyncio.wait_for(main(), 3 * PATIENCE))
