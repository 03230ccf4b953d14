"""The handler on an asyncio.Protocol over httptools: what Python can do without a framework.

A yardstick, not a server: no limits, no chunked answers, no time-outs.
"""

import asyncio
import sys
from typing import Any

import httptools
import uvloop

from answering import handler

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_handle = handler()


class Connection(asyncio.Protocol):
    """One connection; its requests are answered one after the other."""

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._parts: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        """Parse."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Look at a header, as a real server has to."""
        name.lower()

    def on_body(self, body: bytes) -> None:
        """Collect."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Answer."""
        parts, self._parts = self._parts, []
        answer = _handle(parts[0] if len(parts) == 1 else b"".join(parts))
        self._transport.write(HEAD % len(answer) + answer)
        if not self._parser.should_keep_alive():
            self._transport.close()


async def main() -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.run(main())
