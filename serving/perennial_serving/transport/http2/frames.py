"""The frames of HTTP/2 as bytes (RFC 9113, sections 4, 6 and 7)."""

from __future__ import annotations

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# A frame's head: its length (three bytes) and type as one number, flags, stream.
HEADER = struct.Struct(">IBI")
NUMBER = struct.Struct(">I")
SETTING = struct.Struct(">HI")
# The largest frame that we take: what every peer may send unasked.
FRAME_BYTES = 16384
# Stream numbers and windows have 31 bits.
MAX_31 = 0x7FFF_FFFF
# What a peer's settings are until it says otherwise.
DEFAULT_WINDOW = 65535

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING = range(7)
GOAWAY, WINDOW_UPDATE, CONTINUATION = 7, 8, 9

ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITISED = 0x20

NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM = 5, 6, 7
CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 8, 9, 11

ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 5, 6


class ConnectionFault(Exception):
    """The peer broke the protocol such that the connection cannot go on."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class StreamFault(Exception):
    """One stream cannot go on; the connection can."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def frame(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
    """Return one frame of the stream ``number``."""
    return HEADER.pack(len(payload) << 8 | kind, flags, number) + payload


def window_update(number: int, size: int) -> bytes:
    """Return the frame that allows the peer ``size`` more bytes."""
    return frame(WINDOW_UPDATE, 0, number, NUMBER.pack(size))


def content(flags: int, data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Return where the content of a DATA or HEADERS frame begins and ends, without its padding.

    Raises:
        ConnectionFault: the padding is longer than the frame.
    """
    if flags & PADDED:
        if start == stop:
            raise ConnectionFault(FRAME_SIZE_ERROR)
        stop -= data[start]
        start += 1
        if start > stop:
            raise ConnectionFault(PROTOCOL_ERROR)
    return start, stop


def literal(name: str, value: bytes) -> bytes:
    """Return a header field as HPACK writes it without any table (RFC 7541, section 6.2.2)."""
    return b"\x00" + _string(name.encode()) + _string(value)


def _string(value: bytes) -> bytes:
    """Return a string literal, its length in a seven-bit prefix (RFC 7541, section 5.1)."""
    if len(value) < 127:
        return bytes((len(value),)) + value
    prefix, rest = bytearray(b"\x7f"), len(value) - 127
    while rest >= 128:
        prefix.append(rest & 127 | 128)
        rest >>= 7
    prefix.append(rest)
    return bytes(prefix) + value
