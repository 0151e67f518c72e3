"""One of two clients that talk to each other through a server that breaks: Python, with websockets, httpx and MessagePack.

Joins a room, sends its half of the messages, hears all of them, breaks its own connection on the way, and comes back whenever
the server goes. Every message must be heard once and in order. Prints `AT n` now and then, and in the end what it heard, as JSON.
"""

import asyncio
import hashlib
import json
import sys
import uuid

import httpx
import msgpack
import websockets

BASE, NAME, ROOM, COUNT = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
WINDOW = 8


class Chat:
    def __init__(self):
        self.http = httpx.AsyncClient(base_url=BASE, timeout=10)
        self.heard = []  # (seq, sender, text), in order
        self.pending = {}  # id -> request, in the order sent
        self.acknowledged = {}  # number of mine -> seq
        self.resume = None
        self.resumed = self.stale = 0
        self.next = 0
        self.wake = asyncio.Event()
        self.socket = None

    async def call(self, method, path, body=None, key=None):
        headers = {"authorization": f"Bearer {self.access}"} if hasattr(self, "access") else {}
        if key:
            headers["idempotency-key"] = key
        while True:
            try:
                reply = await self.http.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            assert reply.status_code < 300, reply.text
            return reply.json() if reply.content else None

    async def enter(self):
        signed_in = await self.call("POST", "/v1/accounts/guests", {"name": NAME})
        self.access, self.refresh = signed_in["access_token"], signed_in["refresh_token"]
        self.user = signed_in["user"]["id"]
        room = await self.call("POST", "/v1/rooms/open", {"name": ROOM}, key=str(uuid.uuid4()))
        self.room = room["id"]
        await self.call("POST", f"/v1/rooms/{self.room}/join", {}, key=str(uuid.uuid4()))

    async def everybody_is_here(self):
        while (await self.call("GET", f"/v1/rooms/{self.room}"))["members"] < 2:
            await asyncio.sleep(0.05)

    def take(self, message):
        seq = message["seq"]
        assert seq == len(self.heard) + 1, f"{NAME} heard {seq} after {len(self.heard)}"
        self.heard.append((seq, message["sender_id"], message["text"]))
        if seq % 100 == 0:
            print(f"AT {seq}", flush=True)
        self.wake.set()

    async def catch_up(self):
        """What the history has beyond what was heard."""
        while True:
            after = len(self.heard)
            part = await self.call("GET", f"/v1/rooms/{self.room}/messages?after={after}&limit=50")
            for message in part["items"]:
                self.take(message)
            if part["after"] is None:
                return

    async def listen(self):
        """One connection, from its first event to its end."""
        query = ""
        if self.resume:
            query = f"?resume={self.resume[0]}&seq={self.resume[1]}"
        url = BASE.replace("http", "ws", 1) + "/v1/socket" + query
        headers = {"authorization": f"Bearer {self.access}"}
        async with websockets.connect(
            url, additional_headers=headers, subprotocols=["moothall.v1.msgpack"], open_timeout=10
        ) as socket:
            assert socket.subprotocol == "moothall.v1.msgpack"
            overlap = repeated = 0
            async for raw in socket:
                message = msgpack.unpackb(raw)
                if "event" not in message:
                    self.answered(message)
                    continue
                event, data = message["event"], message["data"]
                if event in ("session.ready", "session.stale"):
                    assert message["seq"] == 1
                    self.stale += event == "session.stale"
                    self.resume = [data["resume_token"], 1]
                    # Between the snapshot and the history there may be events that both have.
                    await self.catch_up()
                    overlap = len(self.heard)
                elif event == "session.resumed":
                    assert message["seq"] == self.resume[1]
                    self.resumed += 1
                else:
                    assert message["seq"] == self.resume[1] + 1, f"{message} after {self.resume}"
                    self.resume[1] = message["seq"]
                if event.startswith("session."):
                    self.socket = socket
                    for request in list(self.pending.values()):
                        await socket.send(msgpack.packb(request))
                elif event == "communication.message_sent":
                    if data["seq"] <= overlap:
                        # The history had it: once, in order, and not any more after the first that it had not.
                        assert data["seq"] > repeated, f"{NAME} heard {data['seq']} again"
                        repeated = data["seq"]
                    else:
                        overlap = 0
                        self.take(data)

    def answered(self, message):
        request = self.pending.pop(message["id"], None)
        if request is None:
            return  # sent twice, answered twice
        assert "out" in message, message
        self.acknowledged[int(request["in"]["text"].split()[1])] = message["out"]["seq"]
        self.wake.set()

    async def stay_connected(self):
        while True:
            try:
                await self.listen()
            except (OSError, websockets.WebSocketException):
                pass
            self.socket = None
            await asyncio.sleep(0.01)  # Soon: the server is killed in the middle, and its own break must be over by then.

    async def until(self, condition):
        while not condition():
            self.wake.clear()
            await self.wake.wait()

    async def talk(self):
        has_broken = False
        for number in range(COUNT):
            await self.until(lambda: len(self.pending) < WINDOW)
            self.next += 1
            request = {
                "id": self.next,
                "op": "communication.send",
                "in": {"room_id": self.room, "text": f"{NAME} {number}"},
                "key": str(uuid.uuid4()),
            }
            self.pending[self.next] = request
            if self.socket:
                try:
                    await self.socket.send(msgpack.packb(request))
                except websockets.WebSocketException:
                    pass
            if number == COUNT // 4 and not has_broken:
                has_broken = True
                self.socket.transport.abort()
        await self.until(lambda: len(self.acknowledged) == COUNT and len(self.heard) == 2 * COUNT)

    async def check(self):
        """The server's own words about it all, read afresh."""
        mine = [(seq, text) for seq, sender, text in self.heard if sender == self.user]
        assert [text for _, text in mine] == [f"{NAME} {number}" for number in range(COUNT)]
        assert [seq for seq, _ in mine] == [self.acknowledged[number] for number in range(COUNT)]
        history, after = [], 0
        while after is not None:
            part = await self.call("GET", f"/v1/rooms/{self.room}/messages?after={after}&limit=200")
            history += [(m["seq"], m["sender_id"], m["text"]) for m in part["items"]]
            after = part["after"]
        assert history == self.heard
        renewed = await self.call("POST", "/v1/accounts/refresh", {"refresh_token": self.refresh})
        assert renewed["user"]["id"] == self.user


async def main():
    chat = Chat()
    await chat.enter()
    listening = asyncio.create_task(chat.stay_connected())
    await chat.everybody_is_here()
    await chat.until(lambda: True)
    while chat.socket is None:
        await asyncio.sleep(0.02)
    talking = asyncio.create_task(chat.talk())
    done, _ = await asyncio.wait([listening, talking], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    await chat.check()
    text = "\n".join(f"{seq} {sender} {text}" for seq, sender, text in chat.heard)
    digest = hashlib.sha256(text.encode()).hexdigest()
    print(json.dumps({"heard": len(chat.heard), "resumed": chat.resumed, "stale": chat.stale, "digest": digest}))


asyncio.run(main())
