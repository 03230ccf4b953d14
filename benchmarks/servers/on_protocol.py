"""The handler on our own HTTP/1.1: an asyncio.Protocol over httptools."""

import asyncio
import sys

import uvloop

from answering import handler
from perennial_serving.system.budget import Budget
from perennial_serving.transport.http1.connection import JSON, Connection
from perennial_serving.transport.http1.listener import Listener
from perennial_serving.transport.http1.request import Request

BODY_BYTES = 1 << 24
_handle = handler()


def answer(request: Request) -> None:
    """Answer one request."""
    request.respond(200, _handle(request.body), JSON)


async def main() -> None:
    """Serve for ever."""
    listener = Listener(answer, str.encode, BODY_BYTES, Budget(BODY_BYTES))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(listener), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.run(main())
