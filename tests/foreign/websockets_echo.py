"""Python's websockets against a server that echoes, with every way of deflate it knows.

usage: websockets_echo.py ws://HOST:PORT

Prints how many messages came back as they were sent.
"""

import asyncio
import functools
import random
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate

EXTENSIONS = [
    None,
    [Deflate()],
    [Deflate(client_max_window_bits=True)],
    [Deflate(client_max_window_bits=9, compress_settings={"level": 9, "memLevel": 1})],
    [Deflate(server_max_window_bits=15, server_no_context_takeover=True, client_no_context_takeover=True)],
    [Deflate(server_max_window_bits=10)],
    [Deflate(server_max_window_bits=9, client_max_window_bits=True)],
]
SIZES = [0, 1, 16, 125, 126, 255, 256, 257, 500, 1_000, 1_024, 5_000, 65_535, 65_536, 300_000, 2_000_000]


@functools.cache
def messages(size):
    """Text that gets smaller, text that gets much smaller, and bytes that do not."""
    random.seed(size)
    words = " ".join(random.choices(["grün", "kjøtt", "Zażółć", "部屋", "🎲", "word"], k=size // 4 + 1))
    return [words[:size], '{"a":[],' * (size // 8), random.randbytes(size)]


async def converse(url, extensions):
    compression = None if extensions is None else "deflate"
    count = 0
    async with websockets.connect(url, extensions=extensions, compression=None, max_size=2**24) as socket:
        agreed = [type(extension).__name__ for extension in socket.protocol.extensions]
        assert agreed == ([] if compression is None else ["PerMessageDeflate"]), agreed
        for size in SIZES:
            for message in messages(size):
                await socket.send(message)
                assert await socket.recv() == message, f"{size} {extensions}"
                third = max(1, len(message) // 3)
                await socket.send([message[at : at + third] for at in range(0, max(1, len(message)), third)])
                assert await socket.recv() == message, f"fragments of {size} {extensions}"
                await (await socket.ping(b"are you there"))
                count += 2
        together = [message for size in SIZES[:-3] for message in messages(size)] * 4
        for message in together:
            await socket.send(message)
        for message in together:
            assert await socket.recv() == message, f"all at once {extensions}"
            count += 1
    assert socket.close_code == 1000
    return count


async def main(url):
    print(sum([await converse(url, extensions) for extensions in EXTENSIONS]))


asyncio.run(main(sys.argv[1]))
