"""The other side of the HTTP/2 transport, without a network: what a client sends and sees."""

import asyncio
import struct
from collections.abc import Callable
from typing import Any, cast

from hpack import Decoder, Encoder

from perennial_serving.system.budget import Budget
from perennial_serving.transport.http2 import frames
from perennial_serving.transport.http2.calls import Call, Http2Protocol, Limits
from perennial_serving.transport.http2.frames import END_HEADERS, END_STREAM, HEADER, frame

LIMITS = Limits(message_bytes=100_000, buffered_bytes=400_000, streams=100)
HEADERS = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/echo/Echo",
    ":authority": "localhost",
    "content-type": "application/grpc",
    "te": "trailers",
}
# A window for everything that the tests receive.
PLENTY = 1 << 30


def prefixed(message: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(message)) + message


def echo(call: Call) -> None:
    call.respond(call.read(LIMITS.message_bytes))


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something holds."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


class Transport:
    """What the protocol writes to."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = self.aborted = False
        self.reading = True

    def write(self, data: bytes) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


class Peer:
    """A client that is connected to a protocol of its own; it needs a running loop."""

    def __init__(
        self,
        handler: Callable[[Call], None] = echo,
        limits: Limits = LIMITS,
        settings: dict[int, int] | None = None,
        greeting: bytes = frames.PREFACE,
    ) -> None:
        self.transport = Transport()
        self.connections: set[Http2Protocol] = set()
        self.budget = Budget(1 << 30)
        self.protocol = Http2Protocol(handler, limits, self.connections, self.budget)
        self.protocol.connection_made(cast(asyncio.BaseTransport, self.transport))
        self._encoder, self._decoder = Encoder(), Decoder()
        self.seen()
        if greeting:
            told = b"".join(struct.pack(">HI", *setting) for setting in (settings or {}).items())
            self.send(greeting, frame(frames.SETTINGS, 0, 0, told))
            if settings is None:
                self.send(frames.window_update(0, PLENTY))
            assert self.seen() == [(frames.SETTINGS, frames.ACK, 0, b"")]

    def send(self, *data: bytes) -> None:
        self.protocol.data_received(b"".join(data))
        while self.protocol._turns:
            self.protocol._turn()

    def headers(self, number: int, flags: int = END_HEADERS, **changes: str | None) -> bytes:
        """Return a request's HEADERS; underscores stand for hyphens, ``None`` for no such field."""
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        named = {f":{k}" if f":{k}" in HEADERS else k: v for k, v in named.items()}
        fields = [(k, v) for k, v in (HEADERS | named).items() if v is not None]
        return frame(frames.HEADERS, flags, number, self._encoder.encode(fields))

    def request(self, number: int, message: bytes = b"x", **changes: str | None) -> bytes:
        head = self.headers(number, **changes)
        return head + data(number, prefixed(message), END_STREAM)

    def seen(self) -> list[tuple[int, int, int, bytes]]:
        """Return the frames written since the last look: type, flags, stream, content."""
        written = b"".join(self.transport.writes)
        self.transport.writes.clear()
        found, position = [], 0
        while position < len(written):
            word, flags, number = HEADER.unpack_from(written, position)
            start = position + HEADER.size
            position = start + (word >> 8)
            assert word >> 8 <= frames.FRAME_BYTES
            found.append((word & 0xFF, flags, number, written[start:position]))
        assert position == len(written)
        return found

    def answers(self) -> dict[int, dict[str, Any]]:
        """Return what came for each stream: fields, data, whether it ended, how it was reset."""
        found: dict[int, dict[str, Any]] = {}
        for kind, flags, number, content in self.seen():
            if kind in (frames.DATA, frames.HEADERS):
                answer = found.setdefault(number, {"data": b"", "ended": False})
                assert not answer["ended"]
                answer["ended"] = bool(flags & END_STREAM)
                if kind == frames.DATA:
                    answer["data"] += content
                else:
                    answer.update(self._decoder.decode(content))
            elif kind == frames.RST_STREAM:
                found.setdefault(number, {})["reset"] = int.from_bytes(content)
            elif kind == frames.GOAWAY:
                answer = {"last": int.from_bytes(content[:4]), "code": int.from_bytes(content[4:])}
                found[0] = answer
        return found

    def lose(self) -> None:
        """End the connection, which has to leave nothing behind."""
        self.protocol.connection_lost(None)
        assert self.protocol.is_idle
        assert not self.budget._waiting
        assert not self.connections
        assert not held_bytes(self.protocol)
        assert self.protocol._room == self.protocol._limits.buffered_bytes // 2


def data(number: int, content: bytes, flags: int = 0) -> bytes:
    size = frames.FRAME_BYTES
    pieces = [content[i : i + size] for i in range(0, len(content), size)] or [b""]
    ends = [0] * (len(pieces) - 1) + [flags]
    return b"".join(frame(frames.DATA, f, number, p) for p, f in zip(pieces, ends, strict=True))


def held_bytes(protocol: Http2Protocol) -> int:
    """Return how many bytes of requests a connection holds back."""
    return sum(len(call._buffer or b"") for call in protocol._calls.values())
