"""The handler on our own HTTP/2: an asyncio.Protocol that reads frames itself."""

import asyncio
import sys

import uvloop

from messages import handler
from perennial_serving.system.budget import Budget
from perennial_serving.transport.http2.calls import Call, Http2Protocol, Limits

MESSAGE_BYTES = 1 << 24
_handle = handler()


def answer(call: Call) -> None:
    """Answer one call."""
    call.respond(_handle(call.message))


async def main() -> None:
    """Serve for ever."""
    limits = Limits(message_bytes=MESSAGE_BYTES, buffered_bytes=8 * MESSAGE_BYTES)
    connections: set[Http2Protocol] = set()
    budget = Budget(8 * MESSAGE_BYTES)
    server = await asyncio.get_running_loop().create_server(
        lambda: Http2Protocol(answer, limits, connections, budget),
        "127.0.0.1",
        int(sys.argv[1]),
    )
    await server.serve_forever()


uvloop.run(main())
