"""HTTP/1.1 (RFC 9112) on asyncio: llhttp parses, a handler answers at once or later.

A request costs no task and no coroutine, which is half of what a general server spends on one.

What one connection can cost: of what may be many requests, ``SLICE`` bytes are parsed in a turn of
the loop, and nothing more is read meanwhile; heads, trailers, chunks and fields are bounded; bodies
and answers nobody takes are counted in the budget; whatever is half said has a deadline.
"""

from __future__ import annotations

import asyncio
import http
import re
from collections import deque
from typing import Any

import httptools

from perennial_serving.system.budget import SMALL, UNCOUNTED, Lease
from perennial_serving.transport.crowd import LIFE_SECONDS
from perennial_serving.transport.http1.listener import Listener
from perennial_serving.transport.http1.plain import HEAD_END, PLAIN_BYTES
from perennial_serving.transport.http1.request import Fault, Headers, Request, check, path_of

# Longer than clients' and proxies' own, so that it is they who close an idle connection: a server
# that closes one races with the request that may be on its way.
KEEP_ALIVE_SECONDS = 620.0
# What a client may take to send a head; a body, or to take an answer.
HEAD_SECONDS = 20.0
STALLED_SECONDS = 60.0
HEAD_BYTES = 64 * 1024
FIELDS = 256
PIPELINED = 64
# How much of what may be many requests is parsed in a turn: hundreds of the shortest, 5 ms.
SLICE = 8 * 1024
# A chunked body may be this many times as large with its wrapping.
WRAPPING = 8
# An answer that is larger is not copied for the sake of its head.
_COPIED_BYTES = 64 * 1024
# What is read of a body that was refused, so that the client gets to read why.
DISCARDED_BYTES = 16 * 1024 * 1024

JSON = b"content-type: application/json\r\n"
_CLOSE = b"connection: close\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in http.HTTPStatus}
_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ ]+ HTTP/\d\.\d\r\n")
_VERSION = re.compile(rb"[A-Z]+ [^ ]+ HTTP/\d\.\d\r\n")


class Connection(asyncio.Protocol):
    """One client's connection; it answers one request after the other."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._unread = b""  # what waits for a turn of the loop, from a position on
        self._at = 0
        self._share: Lease | None = None  # of what is unread
        self._turns = False  # a turn is to come
        self._reads = True
        # The request that is parsed
        self._url = b""
        self._headers: Headers = {}
        self._fields = 0
        self._request: Request | None = None  # whose body is arriving
        self._body: bytes | bytearray = b""
        self._lease: Lease | None = None  # of the body
        self._left = 0  # of a body whose length is known
        self._head = 0  # bytes of a head that is not all there
        self._arrived = 0  # bytes since the head, in whatever wrapping
        self._wrapping = 0  # bytes since the last of the body
        self._upgrades = self._told_again = False
        self._between = True  # llhttp has taken nothing of the next request
        # Requests that are answered
        self._waiting: deque[Request] = deque()  # pipelined behind the one under way
        self._busy: Request | None = None
        self._unsent = 0  # bytes of answers that the client does not take
        self._discarded = 0
        self._closing = False  # nothing more is taken
        self._refused = False  # nothing more is answered
        self._ended = False  # the client sends nothing more
        self._writable = True
        self.is_known = False
        """Whether the client has ever been answered."""
        self.since = self._loop.time()
        """When this began to be what it is: idle, or waiting for the client."""
        self._leaves = self.since + LIFE_SECONDS  # with the next answer from then on

    # asyncio's callbacks

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        # So that we are told of each answer that a client does not take at once.
        transport.set_write_buffer_limits(0)
        self._listener.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; what is under way will find nobody to answer.

        The parser knows us by our methods: unless we let go of it, and of what we hold, all that
        waits for the garbage collector, which counts objects and not the megabytes of bodies.
        """
        self._listener.connections.discard(self)
        self._closing = True
        self._release()
        self._listener.budget.give(self._unsent)
        self._unsent = 0
        self._listener.budget.goes_on(self)
        self._parser = self._request = self._busy = None
        self._unread, self._share = b"", None
        self._waiting.clear()

    def eof_received(self) -> bool:
        """Tell whether the connection stays to answer what has come (RFC 9112, section 9.6)."""
        self._ended = True
        return self._busy is not None or bool(self._waiting) or not self._writable

    def pause_writing(self) -> None:
        """Take no more from a client that does not take its answers."""
        self._writable = False
        self.since = self._loop.time()
        self._count_unsent()
        self._regulate()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        self._count_unsent()
        self._regulate()
        self._next()
        if self._ended and self.is_idle and not self._unread:
            self._transport.close()

    def _count_unsent(self) -> None:
        budget, size = self._listener.budget, self._transport.get_write_buffer_size()
        before, self._unsent = self._unsent, size
        if size > before:
            budget.take(size - before, always=True)
            budget.waits(self)
        else:
            budget.give(before - size)
            if not size and self._lease is None:
                budget.goes_on(self)

    def _regulate(self) -> None:
        """Read on, unless something of this client's waits."""
        reads = self._writable and not self._unread and len(self._waiting) < PIPELINED
        if reads != self._reads and not self._transport.is_closing():
            self._reads = reads
            if reads:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Parse; whole requests are handled from within."""
        if self._closing:
            self._discard(len(data))
            return
        if self._unread:  # it came in spite of the pause
            self._unread, self._at = self._unread[self._at :] + data, 0
            return
        end = data.find(HEAD_END, 0, PLAIN_BYTES) if self._between else -1
        head = self._listener.read(data[: end + 4]) if end >= 0 else None
        if head is None or head.length != len(data) - end - 4:
            self._read(data)
            return
        # One request, whole and plain: llhttp need not know of it.
        self.since = self._loop.time()
        method, path, query, headers, length = head
        request = Request(method, path, query, headers, data[end + 4 :])
        if length > UNCOUNTED:
            request.lease = self._new_lease(length)
            if request.lease is None:
                self._refuse_busy()
                return
        self._take(request)

    def _read(self, data: bytes) -> None:
        """Parse what came, or this connection's share of it."""
        if len(data) <= SLICE:
            self._parse(data)
            return
        self._unread, self._at = data, 0
        self._turn()

    def _turn(self) -> None:
        """Parse a share: a head, or what else may be many; the rest of a body is no work."""
        taken, self._turns, self._share = 0, False, None
        data, at, size = self._unread, self._at, len(self._unread)
        while at < size and not self._closing and len(self._waiting) < PIPELINED:
            if self._left:
                end = at + self._left
            elif taken >= SLICE:
                break
            else:
                end = at + SLICE - taken
                if self._between and (head := data.find(HEAD_END, at, end)) >= 0:
                    end = head + 4
                taken += end - at
            self._parse(data[at:end])
            at = end
        if self._closing:
            self._discard(max(0, size - at))
            at = size
        if at >= size:
            self._unread, self._at = b"", 0
        else:
            self._at = at
            self._share = Lease(self._listener.budget)
            self._share.grow(size, always=True)
            if taken >= SLICE:
                self._take_turns()
        self._regulate()

    def _take_turns(self) -> None:
        if not self._turns:
            self._turns = True
            self._loop.call_soon(self._turn)

    def _parse(self, data: bytes) -> None:
        if self._request is None:
            if not self._head:
                self.since = self._loop.time()
            self._head += len(data)
        else:
            self._arrived += len(data)
            self._wrapping += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if not self._closing:  # else it is about what follows what was refused
                self._refuse(*_told(data, error))
            return
        if self._closing:
            return
        if max(self._head, self._wrapping) > HEAD_BYTES or self._fields > FIELDS:
            # Trailers too, and what stands beside a chunk's size.
            told = f"the request's head has more than {HEAD_BYTES} bytes or {FIELDS} fields"
            self._refuse(431, told)
        elif self._arrived > HEAD_BYTES + WRAPPING * self._listener.body_bytes:
            self._too_large()

    def _stay(self, rest: bytes) -> None:
        """Go on in this protocol, whatever other one the client would like (RFC 9110, 7.8).

        llhttp takes the body for a part of the other protocol; told the head once more, without
        the wish, it reads it.
        """
        request = self._request
        if self._closing or request is None:
            return
        self._upgrades, self._told_again = False, True
        self._parser = httptools.HttpRequestParser(self)
        fields = [
            name + b": " + self._headers[name] + b"\r\n"
            for name in (b"content-length", b"transfer-encoding")
            if name in self._headers
        ]
        line = b"%s / HTTP/1.1\r\n" % request.method.encode()
        self._parser.feed_data(b"".join((line, *fields, b"\r\n")))
        self._parse(rest)

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._told_again:
            return
        self._between = False
        self._url, self._headers, self._fields = b"", {}, 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        if not self._told_again:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, but none that follows a body."""
        self._fields += 1
        if self._request is None and self._fields <= FIELDS:
            name, headers = name.lower(), self._headers
            if name in headers:
                value = b"%s, %s" % (headers[name], value)
            headers[name] = value

    def on_headers_complete(self) -> None:
        """Decide whether the body is welcome."""
        if self._told_again:
            self._told_again = False
            return
        self._head = self._arrived = self._wrapping = 0
        if self._closing:
            return
        parser, headers = self._parser, self._headers
        method, version = parser.get_method().decode("latin-1"), parser.get_http_version()
        try:
            check(method, version, headers)
        except Fault as fault:
            self._refuse(fault.status, fault.text)
            return
        path, query = path_of(self._url)
        request = Request(method, path, query, headers)
        # A client of HTTP/1.0 does not know that a connection stays.
        request.keeps = parser.should_keep_alive() and version == "1.1"
        self._request = request
        self._upgrades = parser.should_upgrade()
        self.since = self._loop.time()
        length = headers.get(b"content-length")
        if length is None:
            self._left = 0
        elif int(length) > self._listener.body_bytes:
            self._too_large()
            return
        else:
            self._left = int(length)
        if b"expect" in headers and version == "1.1":  # no other one passed the check
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body: in one buffer, for chunks may be of a byte each."""
        if self._closing:
            return
        self._wrapping = 0
        size = len(self._body) + len(body)
        if self._left:
            self._left -= len(body)
        if size > self._listener.body_bytes:
            self._too_large()
            return
        if size > UNCOUNTED:
            counted = self._count(size)
            if self._closing:  # it was ourselves who made room
                return
            if not counted:
                self._refuse_busy()
                return
        if not self._body:
            self._body = body
        elif isinstance(self._body, bytearray):
            self._body += body
        else:
            self._body = bytearray(self._body)
            self._body += body

    def _count(self, size: int) -> bool:
        """Count a body that has so many bytes by now."""
        if self._lease is None:
            self._lease = self._new_lease(size)
            return self._lease is not None
        return self._lease.grow(size - self._lease.size, always=size <= SMALL)

    def _new_lease(self, size: int) -> Lease | None:
        budget = self._listener.budget
        lease = Lease(budget)
        if not lease.grow(size, always=size <= SMALL):
            return None
        if self._request is not None:
            budget.waits(self)
        return lease

    def on_message_complete(self) -> None:
        """Handle the request, or let it wait for the one before it."""
        if self._upgrades:  # without its body
            return
        self._between = True
        request = self._request
        if request is None or self._closing:
            return
        request.body, self._body = self._body, b""
        request.lease, self._lease = self._lease, None
        if request.lease is not None and not self._unsent:
            self._listener.budget.goes_on(self)
        self._request = None
        self._left = self._wrapping = self._fields = 0
        self._take(request)

    # What is ours

    def _take(self, request: Request) -> None:
        if self._busy is None and self._writable and not self._waiting:
            self._handle(request)
            return
        self._waiting.append(request)
        self._regulate()

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
        if self._head and self._writable:
            allowed = HEAD_SECONDS
        if (stalled or self.is_idle) and now - self.since > allowed:
            self._transport.abort()

    def ask_to_leave(self) -> None:
        """Close with the next answer.

        Not at once, though it is idle: a request may be on its way.
        """
        self._leaves = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether the client waits for us, not we for it."""
        return self._busy is not None and self._writable

    def abort(self) -> None:
        """End at once."""
        self._transport.abort()
        self._closing = True
        self._release()

    def make_room(self) -> None:
        """Let go of a body that does not come, or of answers that are not taken."""
        if self._unsent or self._busy is not None:
            self._transport.abort()  # which forgets what is unsent at once
            self._listener.budget.give(self._unsent)
            self._unsent = 0
            self._closing = True
            self._release()
        else:
            self._refuse_busy()

    def _next(self) -> None:
        # A loop, not a recursion: answers may come at once.
        while self._waiting and self._busy is None and self._writable and not self._refused:
            self._handle(self._waiting.popleft())
        if self._unread and not self._closing and len(self._waiting) < PIPELINED:
            self._take_turns()
        self._regulate()

    def _handle(self, request: Request) -> None:
        self._busy = request
        request.respond = self._respond
        self._listener.handle(request)

    def _respond(self, status: int, body: bytes, head: bytes) -> None:
        request, self._busy = self._busy, None
        if request is None or self._refused or self._transport.is_closing():
            return
        self.is_known = True
        keeps = request.keeps and not self._listener.draining
        now = self.since = self._loop.time()
        if (self._ended or now >= self._leaves) and not self._waiting and not self._unread:
            keeps = keeps and not self._ended and not self._between
        self._write(status, body, head, keeps, request.method != "HEAD")
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
        if not has_body:
            body = b""
        parts = (_STATUS[status], self._listener.date(), head, length)
        if len(body) <= _COPIED_BYTES:
            self._transport.write(b"".join((*parts, body)))
        else:
            self._transport.write(b"".join(parts))
            self._transport.write(body)
        if self._unsent or not self._writable:
            self._count_unsent()

    def _too_large(self) -> None:
        self._refuse(413, f"the body is larger than {self._listener.body_bytes} bytes")

    def _refuse_busy(self) -> None:
        self._refuse(503, "the server holds all that its memory allows: try again in 1 s")

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
        self._body, self._lease = b"", None
        if not self._unsent:
            self._listener.budget.goes_on(self)


def _told(data: bytes, error: Exception) -> tuple[int, str]:
    """Return status and text for what llhttp refuses."""
    if isinstance(error, httptools.HttpParserInvalidMethodError) and _LINE.match(data):
        return 501, "the request's method is none that this server knows"  # RFC 9110, 9.1
    if "version" in str(error) and _VERSION.match(data):
        return 505, "this port speaks HTTP/1.1"
    return 400, f"the request is not HTTP/1.1: {error}"
