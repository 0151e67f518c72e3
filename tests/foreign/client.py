"""Somebody at a server that may be killed: over HTTP, and over a socket that comes back by itself."""

import asyncio
import os
import sys

import websockets

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../examples/game_host"))
from game_host import Connection  # noqa: E402

PATIENCE = 60
PASSWORD = "correct horse battery"


class Client:
    def __init__(self, url, name):
        self.url = url
        self.name = name
        self.events = []
        self.arrivals = 0
        self.changed = asyncio.Event()

    async def sign_up(self, http):
        account = {"name": self.name, "email": f"{self.name}@example.org", "password": PASSWORD}
        (await http.post("/v1/accounts", json=account)).raise_for_status()
        await self.sign_in(http)

    async def sign_in(self, http, password=PASSWORD):
        signed_in = await http.post("/v1/accounts/sign_in", json={"login": self.name, "password": password})
        signed_in.raise_for_status()
        self.access, self.id = signed_in.json()["access_token"], signed_in.json()["user"]["id"]

    async def stay_connected(self):
        url = self.url.replace("http", "ws", 1) + "/v1/socket"
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
            self.arrivals += 1
        self.changed.set()

    async def until(self, condition, what):
        async def wait():
            while not condition():
                self.changed.clear()
                await self.changed.wait()

        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise AssertionError(f"{self} waited for {what}")

    def heard(self, event):
        return [data for name, data in self.events if name == event]

    def __str__(self):
        return self.name


async def each(clients, deed):
    return await asyncio.gather(*(deed(client) for client in clients))


async def killed(clients):
    """The server dies, and all come back by themselves."""
    before = {client.name: client.arrivals for client in clients}
    print("KILL", flush=True)
    await each(clients, lambda client: client.until(lambda: client.arrivals > before[client.name], "the server"))
