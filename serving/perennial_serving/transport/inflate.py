"""Decompression that stops where little becomes too much."""

from __future__ import annotations

import zlib

# What is compressed more than this many times is no data that somebody measured ...
RATIO = 100
# ... unless it is small.
SMALL = 1024 * 1024


class TooLarge(ValueError):
    """What was compressed has too many bytes."""


def inflated(content: bytes | bytearray, bits: int, limit: int) -> bytes:
    """Return what was compressed in zlib's format ``bits``, of at most ``limit`` bytes.

    Several members of gzip in a row are one content (RFC 1952, section 2.2).

    Raises:
        TooLarge: it has more bytes than that, or than ``RATIO`` times its own.
        ValueError: it is not of that format, or not whole.
    """
    bound = min(limit, max(SMALL, RATIO * len(content)))
    parts: list[bytes] = []
    rest, size = bytes(content), 0
    while True:
        stream = zlib.decompressobj(bits)
        try:
            part = stream.decompress(rest, bound - size + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        size += len(part)
        if size > bound:
            if bound == limit:
                raise TooLarge(f"has over {limit} bytes")
            raise TooLarge(f"is over {RATIO} times as large: send it uncompressed")
        parts.append(part)
        if not stream.eof:
            raise ValueError("it is cut short")
        rest = stream.unused_data
        if not rest:
            return parts[0] if len(parts) == 1 else b"".join(parts)
        if bits <= 15 or len(parts) >= RATIO:
            raise ValueError("more follows it")
