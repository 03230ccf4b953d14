"""The handler as an ASGI and as an RSGI application."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from answering import handler

_handle = handler()
_threads = ThreadPoolExecutor(1) if os.environ.get("HOP") else None


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer by ASGI, on the event loop, or on a thread where HOP is set."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    body = b"".join(parts)
    if _threads is None:
        answer = _handle(body)
    else:
        answer = await asyncio.get_running_loop().run_in_executor(_threads, _handle, body)
    length = (b"content-length", b"%d" % len(answer))
    headers = [(b"content-type", b"application/json"), length]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def rsgi(scope: Any, protocol: Any) -> None:
    """Answer by granian's own interface."""
    answer = _handle(await protocol())
    protocol.response_bytes(200, [("content-type", "application/json")], answer)
