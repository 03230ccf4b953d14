"""The handler on the h2 library, which keeps the whole state of HTTP/2 in Python."""

import asyncio
import sys
from collections import defaultdict
from typing import Any

import h2.config
import h2.connection
import h2.events
import uvloop

from messages import handler

HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
TRAILERS = [("grpc-status", "0")]
_handle = handler()


class Connection(asyncio.Protocol):
    """One connection of many streams."""

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self._h2 = h2.connection.H2Connection(config)
        self._h2.initiate_connection()
        self._bodies: dict[int, bytearray] = defaultdict(bytearray)
        transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        """Parse and answer."""
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                self._bodies[event.stream_id] += event.data
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                stream = event.stream_id
                answer = _handle(bytes(self._bodies.pop(stream)[5:]))
                self._h2.send_headers(stream, HEADERS)
                self._h2.send_data(stream, b"\0" + len(answer).to_bytes(4, "big") + answer)
                self._h2.send_headers(stream, TRAILERS, end_stream=True)
        self._transport.write(self._h2.data_to_send())


async def main() -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.run(main())
