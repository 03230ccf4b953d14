"""A server's side of an HTTP/2 connection: its frames, settings, end (RFC 9113, sections 3 to 6).

What its streams carry is for a subclass to say.

What one connection can cost: ``FRAMES`` frames are taken in a turn of the loop, and nothing more is
read meanwhile; each frame that brings nothing is counted against the peer's ``patience``; whatever
is half said has a deadline.
"""

from __future__ import annotations

import asyncio
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import cast

from perennial_serving.system.budget import Budget
from perennial_serving.transport.crowd import LIFE_SECONDS
from perennial_serving.transport.http2 import frames
from perennial_serving.transport.http2.frames import (
    END_HEADERS,
    FRAME_BYTES,
    HEADER,
    MAX_31,
    NUMBER,
    PREFACE,
    PROTOCOL_ERROR,
    SETTING,
    ConnectionFault,
    StreamFault,
    frame,
)

# A window for all streams together; what bounds memory are the streams' own.
_WINDOW = 1 << 24
# What we send is handed to the transport in pieces of about so many bytes ...
_PIECE = 1 << 16
# ... and it may hold so many before we take nothing more from the peer.
_UNSENT = 1 << 19
# How many frames are taken in a turn: calls of the smallest kind, some 5 ms.
FRAMES = 128
# What a peer may take to greet us.
GREETING_SECONDS = 10.0
# How many periods without a call end a connection: ten minutes, longer than proxies' own.
_IDLE_PERIODS = 11
_GOAWAY = struct.Struct(">II")
# What a peer may take to hear that it is to leave, in seconds.
HEARING_SECONDS = 1.0


class Connection(asyncio.Protocol, ABC):
    """One connection; it belongs to the event loop's thread.

    ``patience`` is how many frames that cost us and bring nothing the peer may send in advance
    of its calls. What stalls for two periods of ``stall_seconds`` ends.
    """

    def __init__(
        self,
        settings: Iterable[tuple[int, int]],
        block_bytes: int,
        patience: int,
        stall_seconds: float,
        budget: Budget,
    ) -> None:
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self._settings = b"".join(SETTING.pack(*setting) for setting in settings)
        self._most_patience = self._patience = patience
        self._stall_seconds = stall_seconds
        self._last = self._last_seen = 0  # the largest stream that the peer opened; at a tick
        self._greeted = self._busy = self._paused = self._dead = False
        # Input: a part of a frame, the kind that the next frame must have, a header block.
        self._part = b""
        self._turns = False  # whole frames of it wait for a turn of the loop
        self._taken_frames = 0  # since the last tick
        self._expected: int | None = frames.SETTINGS
        self._block, self._block_bytes = bytearray(), block_bytes
        self._block_number = self._block_flags = 0
        self._taken = 0  # of the receive window
        # Output: what is not yet written, what the peer allows.
        self._out: list[bytes | memoryview] = []
        self._out_size = 0
        self._window = self._peer_window = frames.DEFAULT_WINDOW
        self._peer_frame = FRAME_BYTES
        self._opened = False  # whether more may be sent than when it was last tried
        self._stuck = 0  # periods without progress
        self._unsent = 0  # bytes that the peer does not take
        self._is_waiting = False
        self._idle = 0  # periods without a call
        self.is_known = False
        """Whether a call has ever been answered."""
        self.since = self._began = self._loop.time()
        """When the last stream was opened."""
        self._is_asked_to_leave = False

    # What a subclass does; positions are those of a frame's content within the bytes received.

    @abstractmethod
    def _on_data(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None: ...

    @abstractmethod
    def _on_block(self, flags: int, number: int, block: bytes) -> None:
        """Take a whole header block; ``number`` may be any odd one."""

    @abstractmethod
    def _on_reset(self, number: int) -> None: ...

    @abstractmethod
    def _on_window(self, number: int, more: int) -> None: ...

    @abstractmethod
    def _check_windows(self) -> None:
        """Raise a fault where the peer's initial window makes that of a stream too large."""

    @abstractmethod
    def _reset(self, number: int, code: int) -> None:
        """End a stream for the peer's fault."""

    @abstractmethod
    def _go_on(self) -> None:
        """Do what waits for windows or for the transport, then write."""

    @abstractmethod
    def _drop_all(self) -> None:
        """Forget all streams."""

    @abstractmethod
    def _end_stalled(self) -> bool:
        """End streams that stall, and return whether something waits for the peer's windows."""

    @abstractmethod
    def _waits_for_peer(self) -> bool:
        """Tell whether bytes are held until the peer sends or takes some."""

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether no stream is open on which something is under way."""

    @abstractmethod
    def close_gracefully(self) -> None:
        """Refuse new streams, end those under way, then close."""

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the peer."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has another ancestry
        self._transport.set_write_buffer_limits(_UNSENT)
        self._ticker = self._loop.call_later(self._stall_seconds, self._tick)
        self._greeting = self._loop.call_later(GREETING_SECONDS, self._end_ungreeted)
        self._put(frame(frames.SETTINGS, 0, 0, self._settings))
        self._put(frames.window_update(0, _WINDOW - frames.DEFAULT_WINDOW))
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything."""
        self._dead = True
        self._ticker.cancel()
        self._greeting.cancel()
        self._drop_all()
        self._out.clear()
        self._part = b""
        self._forget_unsent()

    def pause_writing(self) -> None:
        """Take nothing more from a peer that does not take what we send."""
        self._paused = True
        self._unsent = self._transport.get_write_buffer_size()
        self._budget.take(self._unsent, always=True)
        self._begin_waiting()
        self._regulate()

    def resume_writing(self) -> None:
        """Go on."""
        self._paused, self._opened, self._stuck = False, True, 0
        self._forget_unsent()
        self._regulate()
        # Not now: this may be within a write of ours.
        self._loop.call_soon(self._go_on)

    def _begin_waiting(self) -> None:
        """Tell the budget that bytes are held until the peer does something."""
        self._is_waiting = True
        self._budget.waits(self)

    def _end_waiting(self) -> None:
        """Tell it that none are, if so."""
        if self._is_waiting and not self._waits_for_peer():
            self._is_waiting = False
            self._budget.goes_on(self)

    def _forget_unsent(self) -> None:
        self._budget.give(self._unsent)
        self._unsent = 0
        self._end_waiting()

    def _regulate(self) -> None:
        """Read on, unless something of this peer's waits."""
        if self._transport.is_closing():
            return
        if self._paused or self._turns:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Take frames; what is sent meanwhile is written together."""
        if self._dead:
            return
        if self._part:
            data = self._part + data
            self._part = b""
        if self._turns:  # it came in spite of the pause
            self._part = data
            return
        self._share(data)

    def _share(self, data: bytes) -> None:
        """Take this connection's share of a turn; the rest waits for the next."""
        self._busy = True
        try:
            self._take(data)
        except ConnectionFault as fault:
            self._abort(fault.code)
        self._busy = False
        if not self._dead:
            self._go_on()

    def _turn(self) -> None:
        self._turns = False
        if self._dead:
            return
        data, self._part = self._part, b""
        self._share(data)
        if not self._turns and not self._dead:
            self._regulate()

    def _take(self, data: bytes) -> None:
        position, size = 0, len(data)
        if not self._greeted:
            if not PREFACE.startswith(data[: len(PREFACE)]):
                raise ConnectionFault(PROTOCOL_ERROR)
            if size < len(PREFACE):
                self._part = data
                return
            self._greeted, position = True, len(PREFACE)
        unpack_header, left = HEADER.unpack_from, FRAMES
        while size - position >= HEADER.size:
            word, flags, number = unpack_header(data, position)
            kind, length, start = word & 0xFF, word >> 8, position + HEADER.size
            if length > FRAME_BYTES:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR)
            if start + length > size:
                break
            if not left:
                self._turns = True
                break
            left -= 1
            position = start + length
            if self._expected is not None and kind != self._expected:
                raise ConnectionFault(PROTOCOL_ERROR)
            number &= MAX_31
            try:
                if kind == frames.DATA:
                    self._taken += length
                    self._on_data(flags, number, data, start, position)
                elif kind == frames.HEADERS:
                    self._on_headers(flags, number, data, start, position)
                else:
                    self._on_other(kind, flags, number, data[start:position])
            except StreamFault as fault:
                self._be_patient()
                self._reset(number, fault.code)
            if self._dead:
                return
        self._taken_frames += FRAMES - left
        if position < size:
            self._part = data[position:]
        if self._turns:
            self._regulate()
            self._loop.call_soon(self._turn)
        if self._taken >= _WINDOW // 2:
            self._put(frames.window_update(0, self._taken))
            self._taken = 0

    def _be_patient(self) -> None:
        """Count a frame that costs us and brings nothing; calls and time make up for these."""
        self._patience -= 1
        if self._patience < 0:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)

    # Frames.

    def _on_headers(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if not number & 1:
            raise ConnectionFault(PROTOCOL_ERROR)
        if flags & (frames.PADDED | frames.PRIORITISED):
            start, stop = frames.content(flags, data, start, stop)
            if flags & frames.PRIORITISED:
                if stop - start < 5:
                    raise ConnectionFault(frames.FRAME_SIZE_ERROR)
                # The block would have to be decoded for a milder end.
                if NUMBER.unpack_from(data, start)[0] & MAX_31 == number:
                    raise ConnectionFault(PROTOCOL_ERROR)
                start += 5
        if flags & END_HEADERS:
            self._on_block(flags, number, data[start:stop])
        else:
            self._block[:] = data[start:stop]
            self._block_number, self._block_flags = number, flags
            self._expected = frames.CONTINUATION

    def _on_other(self, kind: int, flags: int, number: int, content: bytes) -> None:
        # Each of them: what we send and answer makes up for those that are needed.
        self._be_patient()
        if kind == frames.WINDOW_UPDATE:
            self._on_window_update(number, content)
        elif kind == frames.RST_STREAM:
            _check(len(content) == 4)
            self._check_opened(number)
            self._on_reset(number)
        elif kind == frames.CONTINUATION:
            self._on_continuation(flags, number, content)
        elif kind == frames.PRIORITY:
            if number == 0:
                raise ConnectionFault(PROTOCOL_ERROR)
            if len(content) != 5:
                raise StreamFault(frames.FRAME_SIZE_ERROR)
            if NUMBER.unpack_from(content)[0] & MAX_31 == number:
                raise StreamFault(PROTOCOL_ERROR)
        elif kind < frames.CONTINUATION and number:
            raise ConnectionFault(PROTOCOL_ERROR)
        elif kind == frames.SETTINGS:
            self._on_settings(flags, content)
        elif kind == frames.PING:
            _check(len(content) == 8)
            if not flags & frames.ACK:
                self._put(frame(frames.PING, frames.ACK, 0, content))
        elif kind == frames.GOAWAY:
            _check(len(content) >= _GOAWAY.size)
        elif kind == frames.PUSH_PROMISE:
            raise ConnectionFault(PROTOCOL_ERROR)

    def _on_continuation(self, flags: int, number: int, content: bytes) -> None:
        if self._expected is None or number != self._block_number:
            raise ConnectionFault(PROTOCOL_ERROR)
        self._block += content
        if len(self._block) > self._block_bytes:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)
        if flags & END_HEADERS:
            block, self._expected = bytes(self._block), None
            self._block.clear()
            self._on_block(self._block_flags, number, block)

    def _on_settings(self, flags: int, content: bytes) -> None:
        _check(len(content) % SETTING.size == 0 and not (flags & frames.ACK and content))
        self._expected = None
        if flags & frames.ACK:
            return
        for name, value in SETTING.iter_unpack(content):
            if name == frames.INITIAL_WINDOW_SIZE:
                if value > MAX_31:
                    raise ConnectionFault(frames.FLOW_CONTROL_ERROR)
                self._peer_window, self._opened = value, True
            elif name == frames.MAX_FRAME_SIZE:
                if not FRAME_BYTES <= value < 1 << 24:
                    raise ConnectionFault(PROTOCOL_ERROR)
                self._peer_frame = value
            elif name == frames.ENABLE_PUSH and value > 1:
                raise ConnectionFault(PROTOCOL_ERROR)
        self._check_windows()
        self._put(frame(frames.SETTINGS, frames.ACK, 0))

    def _on_window_update(self, number: int, content: bytes) -> None:
        _check(len(content) == 4)
        more = NUMBER.unpack(content)[0] & MAX_31
        self._opened = True
        if number:
            self._check_opened(number)
            self._on_window(number, more)
            return
        self._window += more
        if not more:
            raise ConnectionFault(PROTOCOL_ERROR)
        if self._window > MAX_31:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR)

    def _check_opened(self, number: int) -> None:
        if number > self._last or not number & 1:
            raise ConnectionFault(PROTOCOL_ERROR)

    # Output and end.

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

    def ask_to_leave(self) -> None:
        """Let the peer make another connection; what it sends before it hears is answered.

        Two GOAWAYs, as RFC 9113, section 6.8, has it, so that no stream is in doubt.
        """
        if self._is_asked_to_leave or self._dead:
            return
        self._is_asked_to_leave = True
        self._put(frame(frames.GOAWAY, 0, 0, _GOAWAY.pack(MAX_31, frames.NO_ERROR)))
        if not self._busy:
            self._flush()
        self._loop.call_later(HEARING_SECONDS, self.close_gracefully)

    def _say_goodbye(self, code: int) -> None:
        self._put(frame(frames.GOAWAY, 0, 0, _GOAWAY.pack(self._last, code)))

    def _abort(self, code: int) -> None:
        """Say why and close, for the peer's fault."""
        self._say_goodbye(code)
        self._flush()
        self._dead = True
        self._drop_all()
        self._transport.close()

    def _tick(self) -> None:
        """End what stalls, once in a while."""
        self._ticker = self._loop.call_later(self._stall_seconds, self._tick)
        self._patience = self._most_patience
        # A frame, or a block of headers, of which the rest does not come.
        half = bool(self._part or self._block) and not self._taken_frames
        self._taken_frames = 0
        waits = self._end_stalled() or half or self._paused or self._transport.is_closing()
        self._stuck = self._stuck + 1 if waits else 0
        if self._stuck > 1:
            self.abort()
        quiet = self.is_idle and self._last == self._last_seen
        self._idle, self._last_seen = self._idle + 1 if quiet else 0, self._last
        if self._idle == _IDLE_PERIODS:
            self.close_gracefully()
        elif self._loop.time() + self._stall_seconds - self._began > LIFE_SECONDS:
            self.ask_to_leave()  # there is no later tick within its life

    def _end_ungreeted(self) -> None:
        if self._expected == frames.SETTINGS and not self._taken_frames:
            self.abort()

    def abort(self) -> None:
        """End at once."""
        self._dead = True
        self._drop_all()
        self._transport.abort()
        self._forget_unsent()

    def make_room(self) -> None:
        """Let go of what waits for the peer, and of the peer."""
        self.abort()


def _check(right_size: bool) -> None:
    if not right_size:
        raise ConnectionFault(frames.FRAME_SIZE_ERROR)
