"""The cases of Autobahn against a WebSocket server that echoes, as kosoku runs them.

usage: autobahn.py ws://HOST:PORT [all]

Prints one JSON object: how many cases ended how, and which did not end well. Without `all`, the cases that send a thousand large
messages each are left out, as they take minutes.
"""

import asyncio
import json
import os
import sys

from kosoku import FailureError, _caseindex, run_fuzzingclient

# Of sections 12 and 13, in which the last number is the size of the messages.
LARGE = [f"{section}.*.{size}" for section in (12, 13) for size in (*range(6, 11), *range(12, 19))]


def hear_bytes(case):
    """Gives the case bytes, as it wants: kosoku 0.1.0 makes a string of a message that was not compressed."""
    hear = case.onMessage

    def on_message(self, message, is_binary):
        if isinstance(message, str):
            message = message.encode("latin-1" if is_binary else "utf-8")
        hear(self, message, is_binary)

    case.onMessage = on_message


async def main(url, *more):
    _caseindex.initialize_shims()
    import case12_x_x as deflate

    for case in deflate.Case12_X_X + deflate.Case13_X_X:
        hear_bytes(case)
    left_out = None if "all" in more else LARGE
    try:
        results = await run_fuzzingclient(url, None, left_out, concurrency=8)
    except FailureError as failure:
        results = failure.results
    ends = {}
    others = []
    for result in results:
        end = f"{result.behavior.value} {result.behavior_close.value}"
        ends[end] = ends.get(end, 0) + 1
        if end not in ("OK OK", "INFORMATIONAL INFORMATIONAL"):
            others.append(f"{result.case_id}: {end}: {result.result} {result.result_close}")
    print(json.dumps({"cases": len(results), "ends": ends, "others": others}, sort_keys=True))


asyncio.run(main(*sys.argv[1:]))
sys.stdout.flush()
# All is said. kosoku 0.1.0 now and then crashes while the interpreter takes it down.
os._exit(0)
