"""A server process of the HTTP/2 transport alone, whose methods are named for what they do."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import uvloop
from servers import environment

from perennial_serving.system.budget import Budget
from perennial_serving.transport.http2.calls import Call, Http2Protocol, Limits

LIMITS = Limits(message_bytes=16 << 20, buffered_bytes=64 << 20)
FAILURE = (5, "no sück thing: 100 %\n")


class Echo:
    """Answers at once, later, wrongly or never."""

    def __init__(self) -> None:
        self.unanswered: list[Call] = []

    def __call__(self, call: Call) -> None:
        message = call.read(LIMITS.message_bytes)
        method = call.path.rpartition("/")[2]
        if method == "Later":
            asyncio.get_running_loop().call_later(0.01, call.respond, message)
        elif method == "Never":
            self.unanswered.append(call)
        elif method == "Abandoned":
            call.respond(str(sum(call.over for call in self.unanswered)).encode())
        elif method == "Fail":
            call.fail(*FAILURE)
        elif method == "Raise":
            raise ValueError
        elif method == "Metadata":
            call.respond(json.dumps(dict(call.metadata)).encode())
        else:
            call.respond(message)


@contextlib.contextmanager
def echoing() -> Iterator[int]:
    """Run the process and give its port."""
    command = [sys.executable, __file__]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


async def main() -> None:
    loop, connections, echo = asyncio.get_running_loop(), set[Http2Protocol](), Echo()
    server = await loop.create_server(
        lambda: Http2Protocol(echo, LIMITS, connections, Budget(1 << 30)), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
