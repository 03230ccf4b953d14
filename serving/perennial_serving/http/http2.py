"""A server of unary gRPC calls over HTTP/2 in clear text (RFC 9113, with prior knowledge).

Everything belongs to the event loop's thread. Memory is bounded for each connection: what was
received in part by flow control, what waits to be sent by not reading or not calling on.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from perennial_serving.http import frames
from perennial_serving.http.frames import (
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES,
    HEADER,
    MAX_31,
    NUMBER,
    PREFACE,
    SETTING,
    ConnectionFault,
    StreamFault,
    frame,
    window_update,
)
from perennial_serving.http.grpc_wire import (
    ANSWER_HEADERS,
    ANSWER_TRAILERS,
    DEADLINE_EXCEEDED,
    INTERNAL,
    PREFIX,
    CallFault,
    failure,
    not_one,
    too_large,
    unpack,
)
from perennial_serving.http.heads import Head, Heads

# A window for all streams together; what bounds memory are the streams' own.
_WINDOW = 1 << 24
# Answers are handed to the transport in pieces of about so many bytes.
_PIECE = 1 << 16
# How many frames that cost us and bring nothing a peer may send in advance of its calls.
_PATIENCE = 1000
# How long a client may take to close a connection that we asked it to leave, in seconds.
_LINGER = 1.0

# An answer that fits: the frame of its headers, the head of its data and the message's prefix.
_BEFORE = struct.Struct(f">5sI{len(ANSWER_HEADERS)}sIBIBI")
_AFTER = struct.Struct(f">5sI{len(ANSWER_TRAILERS)}s")
_BEFORE_HEAD = frame(frames.HEADERS, END_HEADERS, 0, ANSWER_HEADERS)[:5]
_AFTER_HEAD = frame(frames.HEADERS, END_HEADERS | END_STREAM, 0, ANSWER_TRAILERS)[:5]


@dataclass(frozen=True)
class Limits:
    """What one connection may use.

    Half of ``buffered_bytes`` is what its streams may send unasked, in equal parts; the other
    half is promised to larger messages, one after another.

    Raises:
        ValueError: the largest message does not fit into the half.
    """

    message_bytes: int
    buffered_bytes: int
    header_bytes: int = 16384
    streams: int = 1024
    stall_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.buffered_bytes < 2 * self.message_bytes:
            raise ValueError("buffered_bytes has to be at least twice message_bytes")

    @property
    def window(self) -> int:
        """How many bytes a stream may send unasked."""
        return min(self.buffered_bytes // 2 // self.streams, MAX_31)


class Call:
    """One call, and the stream that carries it.

    It is answered once, by ``respond`` or ``fail``, at once or later; where nobody waits for the
    answer any more, these do nothing.
    """

    __slots__ = (
        "_age",
        "_buffer",
        "_connection",
        "_head",
        "_number",
        "_open",
        "_promised",
        "_received",
        "_rest",
        "_size",
        "_tail",
        "_timer",
        "_window",
        "message",
        "metadata",
        "path",
    )

    def __init__(self, connection: Http2Protocol, number: int, head: Head, age: int) -> None:
        self.path = head.path
        self.metadata: Mapping[str, str] = head.metadata
        self.message = b""
        self._connection: Http2Protocol | None = connection
        self._number = number
        self._head = head
        self._age = age
        # What the client sends: whether more may come, how much came, what is known of it.
        self._open = True
        self._received = 0
        self._buffer: bytearray | None = None
        self._size: int | None = None
        self._promised = 0
        # What we send: the window beyond the connection's initial one, data, a last block.
        self._window = 0
        self._rest = memoryview(b"")
        self._tail = b""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def over(self) -> bool:
        """Whether nobody waits for an answer: it was given, or the client went away."""
        return self._connection is None

    def respond(self, message: bytes) -> None:
        """Answer with a message; the status is OK."""
        if self._connection is not None:
            self._connection.answer(self, message)

    def fail(self, code: int, text: str) -> None:
        """Answer with a gRPC status and a text for the client's developer."""
        if self._connection is not None:
            self._connection.refuse(self, failure(code, text))


Handler = Callable[[Call], None]


class Http2Protocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, handler: Handler, limits: Limits, connections: set[Http2Protocol]) -> None:
        self._handler, self._limits, self._connections = handler, limits, connections
        self._loop = asyncio.get_running_loop()
        self._heads = Heads(limits.header_bytes)
        self._calls: dict[int, Call] = {}
        self._last = 0  # the largest stream that the client opened
        self._age = 0  # in ticks
        # Input: a part of a frame, a part of a header block, what kind of frame has to come.
        self._part = b""
        self._block = bytearray()
        self._block_of = (0, 0)
        self._expected: int | None = frames.SETTINGS
        self._greeted = self._busy = self._leaving = self._dead = False
        self._patience = self._most_patience = _PATIENCE + limits.streams
        # Streams that we ended before the client did: what it sent until it knew is no fault.
        self._ended: dict[int, None] = {}
        # Receive windows: bytes taken since the last update, what can be promised, to whom.
        self._taken = 0
        self._room = limits.buffered_bytes // 2
        self._waiting: dict[int, int] = {}
        # Output: frames not yet written, answers that wait for windows, calls that wait for those.
        self._out: list[bytes | memoryview] = []
        self._out_size = 0
        self._window = self._peer_window = frames.DEFAULT_WINDOW
        self._peer_frame = FRAME_BYTES
        self._blocked: dict[int, Call] = {}
        self._queued = 0
        self._held: dict[int, Call] = {}
        self._paused = False
        self._stuck = 0  # in ticks

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way."""
        return not self._calls

    def close_gracefully(self) -> None:
        """Refuse new calls, answer those under way, then close."""
        if self._leaving or self._dead:
            return
        self._leaving = True
        self._put(frame(frames.GOAWAY, 0, 0, struct.pack(">II", self._last, frames.NO_ERROR)))
        self._flush_if_idle()
        self._leave_if_done()

    # -- what the event loop calls ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has another ancestry
        self._connections.add(self)
        self._ticker = self._loop.call_later(self._limits.stall_seconds, self._tick)
        settings = (
            (frames.MAX_CONCURRENT_STREAMS, self._limits.streams),
            (frames.INITIAL_WINDOW_SIZE, self._limits.window),
            (frames.MAX_HEADER_LIST_SIZE, self._limits.header_bytes),
        )
        told = b"".join(SETTING.pack(*setting) for setting in settings)
        self._put(frame(frames.SETTINGS, 0, 0, told))
        self._put(window_update(0, _WINDOW - frames.DEFAULT_WINDOW))
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything."""
        self._dead = True
        self._connections.discard(self)
        self._ticker.cancel()
        self._drop_all()
        self._out.clear()

    def pause_writing(self) -> None:
        """Take nothing more from a client that does not take what we send."""
        self._paused = True
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._paused, self._stuck = False, 0
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._go_on()

    def data_received(self, data: bytes) -> None:
        """Take frames; answers made meanwhile are written together."""
        if self._dead:
            return
        if self._part:
            data = self._part + data
            self._part = b""
        self._busy = True
        try:
            self._take(data)
        except ConnectionFault as fault:
            self._abort(fault.code)
        self._busy = False
        if not self._dead:
            self._go_on()

    def _take(self, data: bytes) -> None:
        position, size = 0, len(data)
        if not self._greeted:
            if not PREFACE.startswith(data[: len(PREFACE)]):
                raise ConnectionFault(frames.PROTOCOL_ERROR)
            if size < len(PREFACE):
                self._part = data
                return
            self._greeted, position = True, len(PREFACE)
        unpack_header, methods = HEADER.unpack_from, self._METHODS
        while size - position >= 9:
            word, flags, number = unpack_header(data, position)
            kind, start = word & 0xFF, position + 9
            position = start + (word >> 8)
            if position - start > FRAME_BYTES:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR)
            if position > size:
                position = start - 9
                break
            if self._expected is not None and kind != self._expected:
                raise ConnectionFault(frames.PROTOCOL_ERROR)
            number &= MAX_31
            try:
                if kind < len(methods):
                    methods[kind](self, flags, number, data, start, position)
            except StreamFault as fault:
                self._reset(number, fault.code)
        if position < size:
            self._part = data[position:]

    # -- frames ----------------------------------------------------------------------------------

    def _on_data(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        size = stop - start
        self._taken += size
        if self._taken >= _WINDOW // 2:
            self._put(window_update(0, self._taken))
            self._taken = 0
        call = self._calls.get(number)
        if call is None or not call._open:
            self._check_opened(number)
            if call is None and number in self._ended:
                return
            raise StreamFault(frames.STREAM_CLOSED)
        end = flags & END_STREAM
        if call.over:
            call._open = not end
            return
        if flags & frames.PADDED:
            start, stop = frames.content(flags, data, start, stop)
            if size > stop - start and not end:
                self._put(window_update(number, size - (stop - start)))
        if start == stop and not end:
            self._be_patient()
        call._received += stop - start
        if end and call._buffer is None:
            self._whole(call, data[start:stop])
        elif call._head.refusal is None:
            self._collect(call, memoryview(data)[start:stop])
            if end and not call.over:
                assert call._buffer is not None
                self._whole(call, call._buffer)
        elif call._received * 2 > self._limits.window:
            self.refuse(call, *call._head.refusal)

    def _collect(self, call: Call, data: memoryview) -> None:
        if call._buffer is None:
            call._buffer = bytearray()
        call._buffer += data
        size = len(call._buffer)
        if size > self._limits.window + call._promised:
            raise StreamFault(frames.FLOW_CONTROL_ERROR)
        if call._size is None and size >= PREFIX.size:
            call._size = PREFIX.unpack_from(call._buffer)[1] + PREFIX.size
            if call._size > self._limits.message_bytes + PREFIX.size:
                fault = too_large(call._size - PREFIX.size, self._limits.message_bytes)
                call.fail(fault.code, fault.text)
            elif call._size > self._limits.window:
                self._waiting[call._number] = call._size - self._limits.window
                self._promise()
        if call._size is not None and size > call._size:
            fault = not_one()
            call.fail(fault.code, fault.text)

    def _promise(self) -> None:
        """Ask for the rest of large messages, in order, as far as there is room."""
        while self._waiting:
            number, size = next(iter(self._waiting.items()))
            if size > self._room:
                return
            del self._waiting[number]
            self._room -= size
            call = self._calls[number]
            call._promised, call._age = size, self._age
            self._put(window_update(number, size))

    def _whole(self, call: Call, data: bytes | bytearray) -> None:
        """Hand a call on: all of its request is there."""
        call._open = False
        head = call._head
        if head.length is not None and head.length != call._received:
            raise StreamFault(frames.PROTOCOL_ERROR)
        if head.refusal is not None:
            self.refuse(call, *head.refusal)
            return
        try:
            call.message = unpack(data, head.encoding, self._limits.message_bytes)
        except CallFault as fault:
            call.fail(fault.code, fault.text)
            return
        call._buffer = None
        if self._paused or self._queued > self._limits.buffered_bytes:
            self._held[call._number] = call
        else:
            self._hand_on(call)

    def _hand_on(self, call: Call) -> None:
        if call._promised:
            self._room += call._promised
            call._promised = 0
            self._promise()
        try:
            self._handler(call)
        except Exception as error:
            self._loop.call_exception_handler({"message": "a call failed", "exception": error})
            call.fail(INTERNAL, "the server failed; its log says why")

    def _on_headers(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if flags & (frames.PADDED | frames.PRIORITISED):
            start, stop = frames.content(flags, data, start, stop)
            if flags & frames.PRIORITISED:
                if stop - start < 5:
                    raise ConnectionFault(frames.FRAME_SIZE_ERROR)
                if NUMBER.unpack_from(data, start)[0] & MAX_31 == number:
                    raise ConnectionFault(frames.PROTOCOL_ERROR)
                start += 5
        if flags & END_HEADERS:
            self._begin(number, flags, data[start:stop])
        else:
            self._block[:] = data[start:stop]
            self._block_of, self._expected = (number, flags), frames.CONTINUATION

    def _on_continuation(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if self._expected is None or number != self._block_of[0]:
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        self._be_patient()
        self._block += data[start:stop]
        if len(self._block) > 2 * self._limits.header_bytes:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)
        if flags & END_HEADERS:
            block, self._expected = bytes(self._block), None
            self._block.clear()
            self._begin(number, self._block_of[1], block)

    def _begin(self, number: int, flags: int, block: bytes) -> None:
        if not number & 1:
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        if number <= self._last:
            self._end_by_trailers(number, flags, block)
            return
        self._last = number
        head = self._heads.request(block)
        if self._leaving or len(self._calls) >= self._limits.streams:
            raise StreamFault(frames.REFUSED_STREAM)
        call = self._calls[number] = Call(self, number, head, self._age)
        if head.timeout is not None:
            call._timer = self._loop.call_later(
                head.timeout, call.fail, DEADLINE_EXCEEDED, "Deadline Exceeded"
            )
        if flags & END_STREAM:
            self._whole(call, b"")

    def _end_by_trailers(self, number: int, flags: int, block: bytes) -> None:
        well_formed = self._heads.trailers(block)
        call = self._calls.get(number)
        if call is None:
            if number in self._ended:
                return
            raise ConnectionFault(frames.STREAM_CLOSED)
        if not call._open:
            raise StreamFault(frames.STREAM_CLOSED)
        if not well_formed or not flags & END_STREAM:
            raise StreamFault(frames.PROTOCOL_ERROR)
        if call.over:
            call._open = False
        else:
            self._whole(call, call._buffer or b"")

    def _on_priority(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if number == 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        if stop - start != 5:
            raise StreamFault(frames.FRAME_SIZE_ERROR)
        if NUMBER.unpack_from(data, start)[0] & MAX_31 == number:
            raise StreamFault(frames.PROTOCOL_ERROR)

    def _on_reset(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if stop - start != 4:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR)
        self._check_opened(number)
        self._be_patient()
        self._ended.pop(number, None)
        if call := self._calls.get(number):
            self._drop(call)

    def _on_settings(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if number:
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        if (stop - start) % SETTING.size or (flags & frames.ACK and start != stop):
            raise ConnectionFault(frames.FRAME_SIZE_ERROR)
        self._expected = None
        if flags & frames.ACK:
            return
        self._be_patient()
        for name, value in SETTING.iter_unpack(data[start:stop]):
            if name == frames.INITIAL_WINDOW_SIZE:
                self._peer_window = value
                largest = max((call._window for call in self._calls.values()), default=0)
                if value + max(largest, 0) > MAX_31:
                    raise ConnectionFault(frames.FLOW_CONTROL_ERROR)
            elif name == frames.MAX_FRAME_SIZE:
                if not FRAME_BYTES <= value < 1 << 24:
                    raise ConnectionFault(frames.PROTOCOL_ERROR)
                self._peer_frame = value
            elif name == frames.ENABLE_PUSH and value > 1:
                raise ConnectionFault(frames.PROTOCOL_ERROR)
        self._put(frame(frames.SETTINGS, frames.ACK, 0))

    def _on_push_promise(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        raise ConnectionFault(frames.PROTOCOL_ERROR)

    def _on_ping(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if number:
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        if stop - start != 8:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR)
        self._be_patient()
        if not flags & frames.ACK:
            self._put(frame(frames.PING, frames.ACK, 0, data[start:stop]))

    def _on_goaway(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if number:
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        if stop - start < 8:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR)

    def _on_window_update(
        self, flags: int, number: int, data: bytes, start: int, stop: int
    ) -> None:
        if stop - start != 4:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR)
        more = NUMBER.unpack_from(data, start)[0] & MAX_31
        if number == 0:
            self._window += more
            if not more:
                raise ConnectionFault(frames.PROTOCOL_ERROR)
            if self._window > MAX_31:
                raise ConnectionFault(frames.FLOW_CONTROL_ERROR)
            return
        self._check_opened(number)
        if call := self._calls.get(number):
            call._window += more
            if not more:
                raise StreamFault(frames.PROTOCOL_ERROR)
            if self._peer_window + call._window > MAX_31:
                raise StreamFault(frames.FLOW_CONTROL_ERROR)

    _METHODS = (
        _on_data,
        _on_headers,
        _on_priority,
        _on_reset,
        _on_settings,
        _on_push_promise,
        _on_ping,
        _on_goaway,
        _on_window_update,
        _on_continuation,
    )

    def _check_opened(self, number: int) -> None:
        if number > self._last or not number & 1:
            raise ConnectionFault(frames.PROTOCOL_ERROR)

    def _be_patient(self) -> None:
        """Count a frame that costs us and brings nothing; calls and time make up for these."""
        self._patience -= 1
        if self._patience < 0:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)

    # -- answers ---------------------------------------------------------------------------------

    def answer(self, call: Call, message: bytes) -> None:
        """Send a message and the status OK."""
        call._connection = None
        number, size = call._number, len(message) + 5
        if (
            size <= self._window
            and size <= self._peer_frame
            and size <= self._peer_window + call._window
            and not self._blocked
            and not self._paused
        ):
            self._window -= size
            before = _BEFORE.pack(
                _BEFORE_HEAD, number, ANSWER_HEADERS, size << 8, 0, number, 0, size - 5
            )
            self._out += (before, message, _AFTER.pack(_AFTER_HEAD, number, ANSWER_TRAILERS))
            self._out_size += size
            self._finish(call)
            if not self._busy or self._out_size > _PIECE:
                self._flush()
            return
        self._put(frame(frames.HEADERS, END_HEADERS, number, ANSWER_HEADERS))
        self._queue(call, PREFIX.pack(0, size - 5) + message, ANSWER_TRAILERS)

    def refuse(self, call: Call, block: bytes, body: bytes = b"") -> None:
        """Send headers that are all of an answer, or those and a body that is not gRPC's."""
        call._connection = None
        flags = END_HEADERS if body else END_HEADERS | END_STREAM
        self._put(frame(frames.HEADERS, flags, call._number, block))
        if body:
            self._queue(call, body, b"")
        else:
            self._finish(call)
            self._flush_if_idle()

    def _queue(self, call: Call, data: bytes, tail: bytes) -> None:
        call._rest, call._tail = memoryview(data), tail
        self._blocked[call._number] = call
        self._queued += len(data)
        if not self._busy:
            self._go_on()

    def _go_on(self) -> None:
        """Send what windows allow, hand on calls that waited for that, write."""
        self._busy = True
        if self._blocked:
            self._pump()
        if self._held:
            while self._held and not self._paused and self._queued <= self._limits.buffered_bytes:
                self._hand_on(self._held.pop(next(iter(self._held))))
            self._pump()
        self._busy = False
        if self._out:
            self._flush()

    def _pump(self) -> None:
        for call in list(self._blocked.values()):
            while not self._paused:
                window = min(self._window, self._peer_window + call._window, self._peer_frame)
                if window <= 0:
                    break
                self._send_data(call, window)
                if call._number not in self._blocked:
                    break
            if self._window <= 0 or self._paused:
                return

    def _send_data(self, call: Call, window: int) -> None:
        data, call._rest = call._rest[:window], call._rest[window:]
        size, number = len(data), call._number
        self._window -= size
        call._window -= size
        self._queued -= size
        self._stuck = 0
        end = not call._rest
        flags = END_STREAM if end and not call._tail else 0
        self._put(HEADER.pack(size << 8 | frames.DATA, flags, number))
        self._put(data)
        if end:
            if call._tail:
                self._put(frame(frames.HEADERS, END_HEADERS | END_STREAM, number, call._tail))
            self._finish(call)

    def _finish(self, call: Call) -> None:
        """End a stream whose answer is sent."""
        if call._open:
            self._put(frame(frames.RST_STREAM, 0, call._number, NUMBER.pack(frames.NO_ERROR)))
            self._remember_ended(call._number)
        self._drop(call)
        if self._patience < self._most_patience:
            self._patience += 1

    def _drop(self, call: Call) -> None:
        number = call._number
        del self._calls[number]
        call._connection = None
        if call._timer is not None:
            call._timer.cancel()
        if number in self._blocked:
            del self._blocked[number]
            self._queued -= len(call._rest)
        if self._held:
            self._held.pop(number, None)
        if self._waiting:
            self._waiting.pop(number, None)
        if call._promised:
            self._room += call._promised
            call._promised = 0
        if self._waiting:
            self._promise()
        if self._leaving:
            self._leave_if_done()

    def _drop_all(self) -> None:
        self._waiting.clear()
        for call in list(self._calls.values()):
            self._drop(call)

    def _reset(self, number: int, code: int) -> None:
        """End a stream for the client's fault."""
        self._be_patient()
        self._put(frame(frames.RST_STREAM, 0, number, NUMBER.pack(code)))
        self._remember_ended(number)
        if call := self._calls.get(number):
            self._drop(call)

    def _remember_ended(self, number: int) -> None:
        self._ended[number] = None
        if len(self._ended) > self._limits.streams:
            del self._ended[next(iter(self._ended))]

    # -- output and end --------------------------------------------------------------------------

    def _put(self, data: bytes | memoryview) -> None:
        self._out.append(data)
        self._out_size += len(data)
        if self._out_size > _PIECE:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        self._transport.write(data)

    def _flush_if_idle(self) -> None:
        if not self._busy and self._out:
            self._flush()

    def _abort(self, code: int) -> None:
        """Say why and close, for the client's fault."""
        self._put(frame(frames.GOAWAY, 0, 0, struct.pack(">II", self._last, code)))
        self._flush()
        self._dead = True
        self._drop_all()
        self._transport.close()

    def _leave_if_done(self) -> None:
        if not self._calls and not self._dead:
            # Closing at once would break a call that is on its way, before the client knows.
            self._loop.call_later(_LINGER, self._transport.close)

    def _tick(self) -> None:
        """End what stalls, once in a while."""
        self._ticker = self._loop.call_later(self._limits.stall_seconds, self._tick)
        self._age += 1
        self._patience = self._most_patience
        self._stuck = self._stuck + 1 if self._paused or self._blocked or self._dead else 0
        if self._stuck > 1:
            self._transport.abort()
            return
        for call in list(self._calls.values()):
            if call._open and self._age - call._age > 1 and call._number not in self._waiting:
                call.fail(DEADLINE_EXCEEDED, "the request did not arrive in time")
