"""HTTP/1.1 (RFC 9112) on asyncio: llhttp parses, a handler answers at once or later.

A request costs no task and no coroutine, which is half of what a general server spends on one.
"""

from __future__ import annotations

import asyncio
import http
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httptools

# Longer than clients' and proxies' own, so that it is they who close an idle connection: a server
# that closes one races with the request that may be on its way.
KEEP_ALIVE_SECONDS = 620.0
# What a client may take to send a request, or to take an answer.
STALLED_SECONDS = 60.0
HEAD_BYTES = 64 * 1024
PIPELINED = 64
# A chunked body may be this many times as large with its wrapping.
WRAPPING = 8
# How many heads of how many bytes are remembered for each port.
REMEMBERED, REMEMBERED_BYTES = 256, 1024
# While none comes again, as where each has a trace's number, one in so many is remembered.
SELDOM = 16
# What is read of a body that was refused, so that the client gets to read why.
DISCARDED_BYTES = 16 * 1024 * 1024

JSON = b"content-type: application/json\r\n"
# What says more of a body than its length, or asks for more than an answer.
_UNLIKE = {b"transfer-encoding", b"expect", b"upgrade"}
_END = b"\r\n\r\n"
_CLOSE = b"connection: close\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in http.HTTPStatus}


class Request:
    """One request; header names are lower-case, a repeated header's last value counts."""

    __slots__ = ("body", "headers", "keeps", "method", "path", "query", "respond")

    def __init__(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: dict[bytes, bytes],
        body: bytes = b"",
    ) -> None:
        self.method, self.path, self.query, self.headers = method, path, query, headers
        self.body = body
        self.keeps = True
        self.respond: Callable[[int, bytes, bytes], None] = _nobody
        """Answers, once, with a status, a body and header lines that each end in CRLF."""


def _nobody(status: int, body: bytes, head: bytes) -> None:
    raise AssertionError("the request is not whole yet")


class Head(NamedTuple):
    """The head of a request that has a Content-Length, or no body; the next may have the same."""

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    length: int


Refusal = Callable[[str], bytes]
"""Makes the body of an answer that this module gives by itself."""


@dataclass
class Listener:
    """What the connections of a port have in common.

    ``body_bytes`` bounds one body, ``buffered_bytes`` all those together that are still arriving.
    """

    handle: Callable[[Request], None]
    refusal: Refusal
    body_bytes: int
    buffered_bytes: int
    draining: bool = False
    """Ask clients to reconnect, which takes them elsewhere."""
    buffered: int = 0
    heads: dict[bytes, Head] = field(default_factory=dict)
    """What llhttp found in heads that clients send with most of their requests."""
    new_heads: int = 0
    """How many have come since one came again."""
    connections: set[Connection] = field(default_factory=set)

    def remember(self, head: bytes, parsed: Head) -> None:
        """Keep what was found in a head."""
        if len(self.heads) >= REMEMBERED:
            self.heads.clear()
        self.heads[head] = parsed

    def sweep(self, now: float) -> None:
        """Close connections that stalled, or idle for very long."""
        for connection in list(self.connections):
            connection.close_if_late(now)

    def close_idle(self) -> None:
        """Close connections on which nothing is under way."""
        for connection in list(self.connections):
            connection.close_if_idle()


class Connection(asyncio.Protocol):
    """One client's connection; it answers one request after the other."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._request: Request | None = None  # whose body is arriving
        self._parts: list[bytes] = []
        self._size = 0
        self._head = 0
        self._between = True  # llhttp has taken nothing of the next request
        self._whole = 0  # requests that ended in what was parsed last
        self._last: Request | None = None  # of these
        self._waiting: deque[Request] = deque()  # pipelined behind the one under way
        self._busy: Request | None = None
        self._arrived = 0  # bytes since the head, in whatever wrapping
        self._discarded = 0
        self._closing = False  # nothing more is taken
        self._refused = False  # nothing more is answered
        self._writable = True
        self._since = self._loop.time()

    # asyncio's callbacks

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self._listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; what is under way will find nobody to answer.

        The parser knows us by our methods: unless we let go of it, and of what we hold, all that
        waits for the garbage collector, which counts objects and not the megabytes of bodies.
        """
        self._listener.connections.discard(self)
        self._closing = True
        self._release()
        self._parser = self._last = self._request = self._busy = None
        self._waiting.clear()

    def pause_writing(self) -> None:
        """Take no more from a client that does not take its answers."""
        self._writable = False
        self._since = self._loop.time()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        if len(self._waiting) < PIPELINED:
            self._transport.resume_reading()
        self._next()

    def data_received(self, data: bytes) -> None:
        """Parse; whole requests are handled from within."""
        if self._closing:
            self._discard(len(data))
            return
        end = data.find(_END, 0, REMEMBERED_BYTES) if self._between else -1
        if end < 0:
            self._parse(data)
            self._last = None
            return
        end += 4
        head = self._listener.heads.get(data[:end])
        if head is None or head.length != len(data) - end:
            self._learn(data, end)
            return
        self._listener.new_heads = 0
        self._since = self._loop.time()
        method, path, query, headers, _ = head
        self._take(Request(method, path, query, headers, data[end:]))

    def _learn(self, data: bytes, end: int) -> None:
        """Parse; where this was one request, and ends where its head says, remember the head."""
        listener = self._listener
        listener.new_heads += 1
        self._parse(data)
        request, self._last = self._last, None
        if listener.new_heads > REMEMBERED and listener.new_heads % SELDOM:
            return
        if request is None or self._whole != 1 or self._closing or not self._between:
            return
        length = len(request.body)
        plain = request.keeps and not _UNLIKE & request.headers.keys()
        if plain and end + length == len(data):
            head = Head(request.method, request.path, request.query, request.headers, length)
            listener.remember(data[:end], head)

    def _parse(self, data: bytes) -> None:
        if self._request is None:
            if not self._head:
                self._since = self._loop.time()
            self._head += len(data)
        else:
            self._arrived += len(data)
        self._whole = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # To no other protocol: the request itself is answered as one of this, the last one.
            self._closing = True
            if self._busy is not None:
                self._busy.keeps = False
            else:
                self._transport.close()
        except httptools.HttpParserError as error:
            self._refuse(400, f"the request is not HTTP/1.1: {error}")
            return
        if self._closing:
            return
        if self._head > HEAD_BYTES:
            self._refuse(431, f"the request's head is larger than {HEAD_BYTES} bytes")
        elif self._arrived > HEAD_BYTES + WRAPPING * self._listener.body_bytes:
            self._too_large()

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._between = False
        self._url, self._headers = b"", {}

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, but none that follows a body."""
        if self._request is None:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Decide whether the body is welcome."""
        self._head = self._arrived = 0
        if self._closing:
            return
        target, _, query = self._url.partition(b"?")
        method = self._parser.get_method().decode("latin-1")
        headers = self._headers
        request = Request(method, target.decode("latin-1"), query, headers)
        # A client of HTTP/1.0 does not know that a connection stays.
        request.keeps = (
            self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"
        )
        self._request = request
        self._since = self._loop.time()
        length = headers.get(b"content-length")
        if length is not None and int(length) > self._listener.body_bytes:
            self._too_large()
        elif headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._closing:
            return
        listener = self._listener
        self._parts.append(body)
        self._size += len(body)
        listener.buffered += len(body)
        if self._size > listener.body_bytes:
            self._too_large()
        elif listener.buffered > listener.buffered_bytes:
            self._refuse(503, "too many large bodies are arriving: try again in 1 s")

    def on_message_complete(self) -> None:
        """Handle the request, or let it wait for the one before it."""
        self._between = True
        request = self._request
        if request is None or self._closing:
            return
        parts = self._parts
        if parts:
            request.body = parts[0] if len(parts) == 1 else b"".join(parts)
            self._release()
        self._request = None
        self._whole += 1
        self._last = request
        self._take(request)

    # What is ours

    def _take(self, request: Request) -> None:
        if self._busy is None and self._writable and not self._waiting:
            self._handle(request)
            return
        self._waiting.append(request)
        if len(self._waiting) >= PIPELINED:
            self._transport.pause_reading()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return self._busy is None and not self._is_arriving and not self._waiting

    @property
    def _is_arriving(self) -> bool:
        return self._request is not None or self._head > 0

    def close_if_idle(self) -> None:
        """Close, unless something is under way."""
        if self.is_idle and self._transport is not None:
            self._transport.close()

    def close_if_late(self, now: float) -> None:
        """Close where the client takes too long."""
        stalled = self._is_arriving or self._closing or not self._writable
        allowed = STALLED_SECONDS if stalled else KEEP_ALIVE_SECONDS
        if (stalled or self.is_idle) and now - self._since > allowed:
            self._transport.abort()

    def _next(self) -> None:
        # A loop, not a recursion: answers may come at once.
        while self._waiting and self._busy is None and self._writable and not self._refused:
            request = self._waiting.popleft()
            if len(self._waiting) == PIPELINED - 1:
                self._transport.resume_reading()
            self._handle(request)

    def _handle(self, request: Request) -> None:
        self._busy = request
        request.respond = self._respond
        self._listener.handle(request)

    def _respond(self, status: int, body: bytes, head: bytes) -> None:
        request, self._busy = self._busy, None
        if request is None or self._refused or self._transport.is_closing():
            return
        keeps = request.keeps and not self._listener.draining
        self._write(status, body, head, keeps, request.method != "HEAD")
        self._since = self._loop.time()
        if not keeps:
            self._closing = True
            self._transport.close()
        elif self._waiting:
            # Not from within: the one who answered may be in our loop.
            self._loop.call_soon(self._next)

    def _write(
        self, status: int, body: bytes, head: bytes, keeps: bool, has_body: bool = True
    ) -> None:
        length = b"content-length: %d\r\n\r\n" % len(body)
        if not keeps:
            length = _CLOSE + length
        self._transport.write(b"".join((_STATUS[status], head, length, body if has_body else b"")))

    def _too_large(self) -> None:
        self._refuse(413, f"the body is larger than {self._listener.body_bytes} bytes")

    def _refuse(self, status: int, text: str) -> None:
        """Answer and close; answers that are under way come to nothing."""
        self._closing = self._refused = True
        self._release()
        self._request = None
        self._waiting.clear()
        if self._busy is None:
            retry = b"retry-after: 1\r\n" if status == 503 else b""
            self._write(status, self._listener.refusal(text), JSON + retry, keeps=False)
        if self._transport.can_write_eof():
            # What the client is still sending is read, so that our answer is not reset with it.
            self._transport.write_eof()
        else:
            self._transport.close()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > DISCARDED_BYTES:
            self._transport.abort()

    def _release(self) -> None:
        self._listener.buffered -= self._size
        self._parts, self._size = [], 0
