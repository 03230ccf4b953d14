"""The handler on HTTP/2's frames, read by hand: what Python can do for a unary gRPC call.

A yardstick, not a server: it trusts its client, and answers within the client's first windows.
Source: RFC 9113, section 6; headers are decoded by the hpack library.
"""

import asyncio
import sys
from typing import Any

import hpack
import uvloop

from messages import handler

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0x0, 0x1, 0x4, 0x6, 0x8
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
REFILL = 32 * 1024
_handle = handler()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


# Literals that enter no table, so that the same bytes are right each time.
_HEAD = b"\x88" + b"\x0f\x10\x10application/grpc"
_TRAILERS = b"\x00\x0bgrpc-status\x010"


class Connection(asyncio.Protocol):
    """One connection of many streams."""

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self._rest = b""
        self._begun = False
        self._decoder = hpack.Decoder()
        self._known: dict[bytes, Any] = {}
        self._bodies: dict[int, list[bytes]] = {}
        self._unacknowledged = 0
        transport.write(_frame(SETTINGS, 0, 0, b""))

    def data_received(self, data: bytes) -> None:
        """Read whole frames, and write all answers at once."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        if not self._begun:
            if end < len(PREFACE):
                self._rest = data
                return
            at, self._begun = len(PREFACE), True
        out: list[bytes] = []
        while end - at >= 9:
            size = int.from_bytes(data[at : at + 3], "big")
            if end - at - 9 < size:
                break
            stream = int.from_bytes(data[at + 5 : at + 9], "big")
            self._read(data[at + 3], data[at + 4], stream, data[at + 9 : at + 9 + size], out)
            at += 9 + size
        self._rest = data[at:]
        if out:
            self._transport.write(b"".join(out))

    def _read(self, kind: int, flags: int, stream: int, payload: bytes, out: list[bytes]) -> None:
        if kind == DATA:
            self._bodies[stream].append(payload)
            self._unacknowledged += len(payload)
            if self._unacknowledged > REFILL:
                out.append(_frame(WINDOW_UPDATE, 0, 0, self._unacknowledged.to_bytes(4, "big")))
                self._unacknowledged = 0
            if flags & END_STREAM:
                answer = _handle(b"".join(self._bodies.pop(stream))[5:])
                message = b"\0" + len(answer).to_bytes(4, "big") + answer
                out.append(_frame(HEADERS, END_HEADERS, stream, _HEAD))
                out.append(_frame(DATA, 0, stream, message))
                out.append(_frame(HEADERS, END_HEADERS | END_STREAM, stream, _TRAILERS))
        elif kind == HEADERS:
            assert flags & END_HEADERS
            self._headers(payload[5:] if flags & PRIORITY else payload)
            self._bodies[stream] = []
        elif kind == SETTINGS and not flags & ACK:
            out.append(_frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            out.append(_frame(PING, ACK, 0, payload))

    def _headers(self, block: bytes) -> Any:
        """Decode a block, or know it again while the dynamic table is as it was."""
        found = self._known.get(block)
        if found is None:
            table = self._decoder.header_table.dynamic_entries
            before = table[0] if table else None
            found = self._decoder.decode(block)
            if (table[0] if table else None) is before:
                self._known[block] = found
            else:
                self._known.clear()
        return found


async def main() -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.run(main())
