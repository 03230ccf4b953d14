"""Calls that stream: what a client says in one of them, a message at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perennial_serving.transport.http2 import frames
from perennial_serving.transport.http2.frames import StreamFault
from perennial_serving.transport.http2.grpc_wire import PREFIX, not_one

# The largest message of a dialogue, and the most that waits of its answers.
SAID_BYTES = 64 * 1024
# How many a connection may have at once: what each keeps is small, and kept for long.
DIALOGUES = 4


@dataclass(frozen=True)
class Streamed:
    """A method that streams.

    ``hear`` gets each message with its call, which it answers by ``say``, at once or later. Where
    ``once`` holds there is one message, and what is said of it goes on until either side ends;
    else there are many, and the call ends when the client does.
    """

    hear: Callable[[Any, bytes], None]
    once: bool = False


class Dialogue:
    """What has come of one call that streams, and was not heard yet."""

    __slots__ = ("_buffer", "_heard", "ended", "method", "taken", "turns")

    def __init__(self, method: Streamed) -> None:
        self.method = method
        self.ended = False
        """Whether the client will say no more."""
        self.turns = False
        """Whether a turn of the loop is to come for what is there."""
        self.taken = 0
        """Bytes for which the client is not given the right to send more yet."""
        self._buffer = bytearray()
        self._heard = 0

    def take(self, data: bytes, ends: bool, window: int) -> None:
        """Keep what came; ``window`` is what a stream may send unasked.

        Raises:
            StreamFault: it is more than the client had the right to send.
        """
        self._buffer += data
        self.taken += len(data)
        self.ended = ends
        if len(self._buffer) > window + SAID_BYTES:
            raise StreamFault(frames.FLOW_CONTROL_ERROR)

    def next(self) -> bytes | None:
        """Return the next message, None where it is not all there.

        Raises:
            StreamFault: it is too large, compressed, or cut short.
            CallFault: there are none or several where there is to be one.
        """
        buffer = self._buffer
        if len(buffer) >= PREFIX.size:
            packed, size = PREFIX.unpack_from(buffer)
            if packed or size > SAID_BYTES:
                raise StreamFault(frames.ENHANCE_YOUR_CALM)
            end = PREFIX.size + size
            if len(buffer) >= end:
                if self._heard and self.method.once:
                    raise not_one()
                self._heard += 1
                message = bytes(buffer[PREFIX.size : end])
                del buffer[:end]
                return message
        if self.ended and buffer:
            raise StreamFault(frames.PROTOCOL_ERROR)
        if self.ended and self.method.once and not self._heard:
            raise not_one()
        return None
