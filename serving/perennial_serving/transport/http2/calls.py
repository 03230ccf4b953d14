"""A server of gRPC calls over HTTP/2 in clear text, with prior knowledge.

Memory is bounded for each connection: what was received in part by flow control, what waits to
be sent by neither reading nor handing calls on; and for all together by a budget.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from perennial_serving.system.budget import SMALL, UNCOUNTED, Budget, Lease
from perennial_serving.transport import crowd
from perennial_serving.transport.http2 import frames
from perennial_serving.transport.http2.connection import Connection
from perennial_serving.transport.http2.dialogue import (
    DIALOGUES,
    SAID_BYTES,
    Dialogue,
    Streamed,
)
from perennial_serving.transport.http2.frames import (
    END_HEADERS,
    END_STREAM,
    HEADER,
    MAX_31,
    NUMBER,
    ConnectionFault,
    StreamFault,
    frame,
    window_update,
)
from perennial_serving.transport.http2.grpc_wire import (
    ANSWER_HEADERS,
    ANSWER_TRAILERS,
    DEADLINE_EXCEEDED,
    INTERNAL,
    PREFIX,
    UNAVAILABLE,
    CallFault,
    decompress,
    failure,
    not_one,
    status,
    too_large,
    unpack,
)
from perennial_serving.transport.http2.heads import Head, Heads

# What a stream has to be able to send unasked, in bytes.
_LEAST_WINDOW = 64
# How many frames that bring nothing a client may send beside one for each stream.
_PATIENCE = 1000
# Data that is smaller and not the last is counted as a frame that brings nothing.
_PIECE = 256
# For how many such frames an answer makes up, and each frame of data that we send.
_ANSWERED, _SENT = 4, 1
# How long a client may take to close a connection that we asked it to leave, in seconds.
_LINGER = 1.0

# How much of a message goes with its prefix where it does not fit: a frame, together.
_FIRST = frames.FRAME_BYTES - PREFIX.size
_NOTHING = memoryview(b"")

# An answer that fits: the frame of its headers, the head of its data and the message's prefix;
# after the message the frame of its trailers.
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
        ValueError: the largest message does not fit into the half, or too little is for a stream.
    """

    message_bytes: int
    buffered_bytes: int
    header_bytes: int = 16384
    streams: int = 1024
    connections: int = 10_000
    stall_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.buffered_bytes < 2 * self.message_bytes:
            raise ValueError("buffered_bytes has to be at least twice message_bytes")
        if self.window < _LEAST_WINDOW:
            raise ValueError(f"buffered_bytes has to be {2 * _LEAST_WINDOW} or more per stream")

    @property
    def window(self) -> int:
        """How many bytes a stream may send unasked."""
        return min(self.buffered_bytes // 2 // self.streams, MAX_31)


class Call:
    """One call, and the stream that carries it.

    It is answered once, by ``respond`` or ``fail``, at once or later, on the event loop's thread;
    one that streams by ``say``, as often as there is something, and ended by ``fail``. Where nobody
    waits for the answer any more, these do nothing.
    """

    __slots__ = (
        *("path", "metadata", "message", "packed", "lease", "__weakref__"),
        *("_connection", "_number", "_head", "_age", "_timer"),
        *("_open", "_received", "_counted", "_buffer", "_size", "_promised"),
        *("_window", "_rest", "_next", "_tail", "_dialogue"),
    )

    def __init__(self, connection: Http2Protocol, number: int, head: Head, age: int) -> None:
        self.path = head.path
        self.metadata: Mapping[str, str] = head.metadata
        self.message = b""
        """As it came: see :meth:`read`."""
        self.packed = ""
        """By which encoding the message is compressed, if it is."""
        self.lease: Lease | None = None
        """Counts the bytes of the message and the answer, where these are many."""
        self._counted = False
        self._connection: Http2Protocol | None = connection
        self._number, self._head, self._age = number, head, age
        self._timer: asyncio.TimerHandle | None = None
        # What the client sends: whether more may come, how much came, its message.
        self._open, self._received = True, 0
        self._buffer: bytearray | None = None
        self._size: int | None = None
        self._promised = 0
        # What we send: the window beyond the connection's initial one, data, a last block.
        self._window = 0
        self._rest = self._next = _NOTHING
        self._tail = b""
        # Of a method that streams.
        self._dialogue: Dialogue | None = None

    @property
    def over(self) -> bool:
        """Whether nobody waits for an answer: it was given, or the client went away."""
        return self._connection is None

    def read(self, limit: int) -> bytes:
        """Return the message, decompressed; a thread may.

        Raises:
            CallFault: it does not decompress, or would have more than ``limit`` bytes.
        """
        return decompress(self.message, self.packed, limit) if self.packed else self.message

    def respond(self, message: bytes) -> None:
        """Answer with a message; the status is OK."""
        if self._connection is not None:
            self._connection.answer(self, message)

    def fail(self, code: int, text: str) -> None:
        """Answer with a gRPC status and a text for the client's developer."""
        if self._connection is None:
            return
        if self._dialogue is not None:
            self._connection.conclude(self, status(code, text))
        else:
            self._connection.refuse(self, failure(code, text))

    def say(self, message: bytes) -> None:
        """Send a message of a call that streams; a few at a time."""
        if self._connection is not None:
            self._connection.say(self, message)


_FULL = "the server holds all that its memory allows: try again in 1 s"

Handler = Callable[[Call], None]


class Http2Protocol(Connection):
    """One connection and its calls; while it is open, it is one of ``connections``."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        connections: set[Http2Protocol],
        budget: Budget,
        streamed: Mapping[str, Streamed] | None = None,
    ) -> None:
        self._streamed = streamed or {}
        settings = (
            (frames.MAX_CONCURRENT_STREAMS, limits.streams),
            (frames.INITIAL_WINDOW_SIZE, limits.window),
            (frames.MAX_HEADER_LIST_SIZE, limits.header_bytes),
        )
        patience = _PATIENCE + limits.streams
        super().__init__(settings, 2 * limits.header_bytes, patience, limits.stall_seconds, budget)
        self._leased = 0  # unfinished messages that are counted
        self._handler, self._limits, self._connections = handler, limits, connections
        self._heads = Heads(limits.header_bytes)
        self._calls: dict[int, Call] = {}
        self._dialogues = 0  # of these
        self._age = 0  # in periods
        self._leaving = False
        # Streams that we ended before the client did: what it sent until it knew is no fault.
        self._ended: dict[int, None] = {}
        self._stream_window = limits.window
        # Bytes that can be promised to large messages, and those that wait for them.
        self._room = limits.buffered_bytes // 2
        self._waiting: dict[int, int] = {}
        # Answers that wait for windows, their bytes, and calls that wait for those to be fewer.
        self._blocked: dict[int, Call] = {}
        self._queued = 0
        self._held: dict[int, Call] = {}

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way but those that stream, which may last for ever."""
        return len(self._calls) == self._dialogues

    @property
    def is_busy(self) -> bool:
        """Whether the client waits for us, not we for it."""
        return not self.is_idle and not self._waits_for_peer()

    def _waits_for_peer(self) -> bool:
        return bool(self._leased or self._blocked or self._unsent)

    def close_gracefully(self) -> None:
        """Refuse new calls, answer those under way, then close."""
        if not self._leaving and not self._dead:
            self._leaving = True
            self._say_goodbye(frames.NO_ERROR)
            for call in [call for call in self._calls.values() if call._dialogue is not None]:
                call.fail(UNAVAILABLE, "the connection is about to end: ask again on another")
            self._leave_if_done()
            self._flush_unless_busy()

    def _leave_if_done(self) -> None:
        if not self._calls and not self._dead:
            # Closing at once would break calls that are on their way while the client is told.
            self._loop.call_later(_LINGER, self._transport.close)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        super().connection_made(transport)
        crowd.enter(self._connections, self, self._limits.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything."""
        self._connections.discard(self)
        super().connection_lost(exc)

    # Requests.

    def _on_block(self, flags: int, number: int, block: bytes) -> None:
        if number <= self._last:
            self._on_trailers(flags, number, block)
            return
        self._last, self.since = number, self._loop.time()
        head = self._heads.request(block)
        if self._leaving or len(self._calls) >= self._limits.streams:
            raise StreamFault(frames.REFUSED_STREAM)
        call = self._calls[number] = Call(self, number, head, self._age)
        if head.timeout is not None:
            call._timer = self._loop.call_later(
                head.timeout, call.fail, DEADLINE_EXCEEDED, "Deadline Exceeded"
            )
        method = self._streamed.get(head.path)
        if method is not None and head.refusal is None:
            self._begin_dialogue(call, method)
            self._converse(call, b"", bool(flags & END_STREAM))
        elif flags & END_STREAM:
            self._hand_on(call, b"")

    def _on_trailers(self, flags: int, number: int, block: bytes) -> None:
        well_formed = self._heads.trailers(block)
        call = self._calls.get(number)
        if call is None:
            if number in self._ended:
                self._be_patient()
                return
            raise ConnectionFault(frames.STREAM_CLOSED)
        if not call._open:
            raise StreamFault(frames.STREAM_CLOSED)
        if not well_formed or not flags & END_STREAM:
            raise StreamFault(frames.PROTOCOL_ERROR)
        if call._dialogue is not None:
            self._converse(call, b"", True)
            return
        self._hand_on(call, call._buffer or b"")

    def _on_data(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        call = self._calls.get(number)
        if call is None or not call._open:
            self._check_opened(number)
            if call is None and number in self._ended:
                self._be_patient()
                return
            raise StreamFault(frames.STREAM_CLOSED)
        end = flags & END_STREAM
        if flags & frames.PADDED:
            size = stop - start
            start, stop = frames.content(flags, data, start, stop)
            if not end:
                self._put(window_update(number, size - (stop - start)))
        if stop - start < _PIECE and not end:
            self._be_patient()
        call._open = not end
        call._received += stop - start
        if call._dialogue is not None:
            self._converse(call, data[start:stop], bool(end))
            return
        if end and call._buffer is None:
            if stop - start > self._stream_window:
                raise StreamFault(frames.FLOW_CONTROL_ERROR)
            self._hand_on(call, data[start:stop])
        elif call._head.refusal is None:
            self._collect(call, memoryview(data)[start:stop])
            if end and call._buffer is not None:
                self._hand_on(call, call._buffer)
        elif call._received * 2 > self._stream_window and not call.over:
            self.refuse(call, *call._head.refusal)

    # Calls that stream.

    def _begin_dialogue(self, call: Call, method: Streamed) -> None:
        if self._dialogues >= DIALOGUES:
            raise StreamFault(frames.REFUSED_STREAM)
        call._dialogue = Dialogue(method)
        self._dialogues += 1
        call.metadata = {}  # which may be large, and would be kept as long as the call
        self._put(frame(frames.HEADERS, END_HEADERS, call._number, ANSWER_HEADERS))

    def _converse(self, call: Call, data: bytes, ends: bool) -> None:
        dialogue = call._dialogue
        assert dialogue is not None
        call._open = not ends
        dialogue.take(data, ends, self._stream_window)
        if not dialogue.turns:
            self._listen(call)

    def _listen(self, call: Call) -> None:
        """Take one message; the next has another turn of the loop, for a frame may hold many."""
        dialogue = call._dialogue
        assert dialogue is not None
        dialogue.turns = False
        if call.over:
            return
        try:
            if len(call._rest) > SAID_BYTES:  # it asks, and takes no answers
                raise StreamFault(frames.ENHANCE_YOUR_CALM)
            message = dialogue.next()
        except StreamFault as fault:
            self._reset(call._number, fault.code)
        except CallFault as fault:
            self._fail(call, fault)
        else:
            if message is not None:
                dialogue.turns = True
                self._loop.call_soon(self._listen, call)
                dialogue.method.hear(call, message)
            elif not dialogue.ended:
                if dialogue.taken:
                    self._put(window_update(call._number, dialogue.taken))
                    dialogue.taken = 0
            elif not dialogue.method.once:
                self.conclude(call, ANSWER_TRAILERS)
        self._flush_unless_busy()

    def say(self, call: Call, message: bytes) -> None:
        """Send one of many messages."""
        self.is_known = True
        said = bytes(call._rest) + PREFIX.pack(0, len(message)) + message
        self._queue(call, said, b"")
        self._flush_unless_busy()

    def conclude(self, call: Call, block: bytes) -> None:
        """Say no more, and why."""
        call._connection = None
        self._queue(call, bytes(call._rest), block)
        self._flush_unless_busy()

    # Messages that come in parts.

    def _collect(self, call: Call, data: memoryview) -> None:
        """Keep a part of a message, asking for the rest of a large one."""
        if call._buffer is None:
            call._buffer = bytearray()
        call._buffer += data
        size = len(call._buffer)
        if size > UNCOUNTED:
            counted = self._count(call, size)
            if self._dead:  # it was ourselves who made room
                return
            if not counted:
                self._fail(call, CallFault(UNAVAILABLE, _FULL))
                return
        if size > self._stream_window + call._promised:
            raise StreamFault(frames.FLOW_CONTROL_ERROR)
        if call._size is None and size >= PREFIX.size:
            message_size = PREFIX.unpack_from(call._buffer)[1]
            call._size = PREFIX.size + message_size
            if message_size > self._limits.message_bytes:
                self._fail(call, too_large(message_size, self._limits.message_bytes))
            elif call._size >= self._stream_window:
                # And a byte, by which a second message shows instead of waiting for ever.
                self._waiting[call._number] = call._size + 1 - self._stream_window
                self._promise()
        if call._size is not None and size > call._size:
            self._fail(call, not_one())

    def _count(self, call: Call, size: int) -> bool:
        """Count a message that has so many bytes by now."""
        if call.lease is None:
            call.lease, call._counted = Lease(self._budget), True
            self._leased += 1
            self._begin_waiting()
        return call.lease.grow(size - call.lease.size, always=size <= SMALL)

    def _settle(self, call: Call) -> None:
        """Note that a counted message is all there, or that nobody waits for the rest."""
        call._counted = False
        self._leased -= 1
        self._end_waiting()

    def _promise(self) -> None:
        """Promise room for the rest of large messages, in order."""
        while self._waiting:
            number, size = next(iter(self._waiting.items()))
            if size > self._room:
                return
            del self._waiting[number]
            self._room -= size
            call = self._calls[number]
            call._promised, call._age = size, self._age
            self._put(window_update(number, size))

    def _hand_on(self, call: Call, data: bytes | bytearray) -> None:
        """Take a request that is all there."""
        call._open = False
        if call._counted:
            self._settle(call)
        if call.over:
            return
        head = call._head
        if head.length is not None and head.length != call._received:
            raise StreamFault(frames.PROTOCOL_ERROR)
        if head.refusal is not None:
            self.refuse(call, *head.refusal)
            return
        if self._paused or self._queued > self._limits.buffered_bytes:
            call._buffer = data if isinstance(data, bytearray) else bytearray(data)
            if call.lease is None:
                call.lease = Lease(self._budget)
                call.lease.grow(len(data), always=True)
            self._held[call._number] = call
        else:
            self._handle(call, data)

    def _handle(self, call: Call, data: bytes | bytearray) -> None:
        try:
            call.message, call.packed = unpack(
                data, call._head.encoding, self._limits.message_bytes
            )
        except CallFault as fault:
            self._fail(call, fault)
            return
        if call._buffer is not None:
            call._buffer = None
            self._take_back(call)
        try:
            self._handler(call)
        except CallFault as fault:
            self._fail(call, fault)
        except Exception as error:
            self._loop.call_exception_handler({"message": "a call failed", "exception": error})
            call.fail(INTERNAL, "the server failed; its log says why")

    def _take_back(self, call: Call) -> None:
        self._room += call._promised
        call._promised = 0
        self._promise()

    def _on_reset(self, number: int) -> None:
        self._ended.pop(number, None)
        if call := self._calls.get(number):
            self._drop(call)

    def _reset(self, number: int, code: int) -> None:
        self._end(number, code)
        if call := self._calls.get(number):
            self._drop(call)

    def _end(self, number: int, code: int) -> None:
        self._put(frame(frames.RST_STREAM, 0, number, NUMBER.pack(code)))
        self._ended[number] = None
        if len(self._ended) > self._limits.streams:
            del self._ended[next(iter(self._ended))]

    # Answers.

    def answer(self, call: Call, message: bytes) -> None:
        """Send a message and the status OK."""
        call._connection, self.is_known = None, True
        number, size = call._number, len(message) + PREFIX.size
        if (
            size <= self._window
            and size <= self._peer_frame
            and size <= self._peer_window + call._window
            and not self._blocked
            and not self._paused
        ):
            self._window -= size
            before = _BEFORE.pack(
                *(_BEFORE_HEAD, number, ANSWER_HEADERS),
                *(size << 8 | frames.DATA, 0, number),
                *(0, size - PREFIX.size),
            )
            self._out += (before, message)
            self._out_size += size
            self._put(_AFTER.pack(_AFTER_HEAD, number, ANSWER_TRAILERS))
            self._finish(call)
        else:
            self._put(frame(frames.HEADERS, END_HEADERS, number, ANSWER_HEADERS))
            # A large message is not copied for the sake of its prefix.
            first = PREFIX.pack(0, size - PREFIX.size) + message[:_FIRST]
            call._next = memoryview(message)[_FIRST:]
            self._queue(call, first, ANSWER_TRAILERS)
        self._flush_unless_busy()

    def refuse(self, call: Call, block: bytes, body: bytes = b"") -> None:
        """Send headers that are all of an answer, or those and a body that is not gRPC's."""
        call._connection = None
        flags = END_HEADERS if body else END_HEADERS | END_STREAM
        self._put(frame(frames.HEADERS, flags, call._number, block))
        if body:
            self._queue(call, body, b"")
        else:
            self._finish(call)
        self._flush_unless_busy()

    def _fail(self, call: Call, fault: CallFault) -> None:
        call.fail(fault.code, fault.text)

    def _queue(self, call: Call, data: bytes, tail: bytes) -> None:
        self._queued -= len(call._rest)  # of a dialogue: it is among the data
        call._rest, call._tail = memoryview(data), tail
        self._blocked[call._number] = call
        size = len(data) + len(call._next)
        self._queued += size
        self._send(call)
        if call._rest and size > UNCOUNTED:
            call.lease = call.lease or Lease(self._budget)
            call.lease.grow(size, always=True)
            self._begin_waiting()

    def _send(self, call: Call) -> None:
        """Send as much of an answer as windows and the transport allow."""
        number = call._number
        while call._rest and not self._paused:
            size = min(self._window, self._peer_window + call._window, self._peer_frame)
            if size <= 0:
                return
            data, call._rest = call._rest[:size], call._rest[size:]
            if not call._rest:
                call._rest, call._next = call._next, _NOTHING
            size = len(data)
            self._window -= size
            call._window -= size
            self._queued -= size
            self._stuck = 0
            self._patience = min(self._patience + _SENT, self._most_patience)
            lasts = call._rest or call._tail or not call.over
            flags = 0 if lasts else END_STREAM
            self._put(HEADER.pack(size << 8 | frames.DATA, flags, number))
            self._put(data)
        if not call._rest and not call.over:
            self._blocked.pop(number, None)  # until more is said
        elif not call._rest:
            if call._tail:
                self._put(frame(frames.HEADERS, END_HEADERS | END_STREAM, number, call._tail))
            self._finish(call)

    def _go_on(self) -> None:
        self._busy = True
        if self._opened and self._blocked:
            for call in list(self._blocked.values()):
                if self._window <= 0 or self._paused:
                    break
                self._send(call)
        self._opened = False
        while self._held and not self._paused and self._queued <= self._limits.buffered_bytes:
            call = self._held.pop(next(iter(self._held)))
            self._handle(call, call._buffer or b"")
        self._busy = False
        if self._out:
            self._flush()

    def _flush_unless_busy(self) -> None:
        if self._out and not self._busy:
            self._flush()

    def _finish(self, call: Call) -> None:
        """End a stream whose answer is sent."""
        if call._open:
            self._end(call._number, frames.NO_ERROR)
        self._drop(call)
        if self._patience < self._most_patience:
            self._patience = min(self._patience + _ANSWERED, self._most_patience)

    def _drop(self, call: Call) -> None:
        number = call._number
        del self._calls[number]
        call._connection = None
        self._dialogues -= call._dialogue is not None
        if call._counted:
            self._settle(call)
        if call._timer is not None:
            call._timer.cancel()
        if number in self._blocked:
            del self._blocked[number]
            self._queued -= len(call._rest) + len(call._next)
        if self._held:
            self._held.pop(number, None)
        if call._buffer is not None:
            self._waiting.pop(number, None)
            self._take_back(call)
        # Its handler may hold it until its own answer, to nobody, is there.
        if call._rest:
            call._rest = call._next = _NOTHING
            call.lease = None
        if self._is_waiting:
            self._end_waiting()
        if self._leaving:
            self._leave_if_done()

    def _drop_all(self) -> None:
        self._waiting.clear()
        for call in list(self._calls.values()):
            self._drop(call)

    # Windows and time.

    def _on_window(self, number: int, more: int) -> None:
        if call := self._calls.get(number):
            call._window += more
            if not more:
                raise StreamFault(frames.PROTOCOL_ERROR)
            if self._peer_window + call._window > MAX_31:
                raise StreamFault(frames.FLOW_CONTROL_ERROR)

    def _check_windows(self) -> None:
        largest = max((call._window for call in self._calls.values()), default=0)
        if self._peer_window + max(largest, 0) > MAX_31:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR)

    def _end_stalled(self) -> bool:
        self._age += 1
        for call in list(self._calls.values()):
            late = call._open and self._age - call._age > 1
            if late and call._dialogue is not None:
                self._reset(call._number, frames.CANCEL)
            elif late and call._number not in self._waiting:
                call.fail(DEADLINE_EXCEEDED, "the request did not arrive in time")
        self._flush_unless_busy()
        return bool(self._blocked)
