"""The spool: files of frames, each a length in 4 bytes (little-endian) and a MessagePack document.

A file starts with a header; it is named ``*.part`` while it grows and ``*.spool`` when it is whole.
What a killed process has left is whole up to its last frame.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

PART, WHOLE = ".part", ".spool"
ROTATE_BYTES = 8 * 1024 * 1024
ROTATE_SECONDS = 5.0

_LENGTH = struct.Struct("<I")


class Header(msgspec.Struct, tag="header", array_like=True):
    """What the requests of a file are about: columns as (name, datatype, many values a row)."""

    model: str
    version: str
    columns: list[tuple[str, str, bool]]


class Request(msgspec.Struct, tag="request", array_like=True):
    """One request; a column's values are little-endian bytes, or strings of BYTES."""

    id: str
    time: float
    """Seconds since the epoch."""
    trace_id: str | None
    rows: int
    columns: list[bytes | list[str]]


class Feedback(msgspec.Struct, tag="feedback", array_like=True):
    """What became known about one row of a request."""

    id: str
    row: int
    time: float
    label: str | None
    reward: float | None


Record = Request | Feedback

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Header | Request | Feedback)


class Full(Exception):
    """The spool has no room."""


class Spool:
    """Appends records to files of its own; it belongs to one thread."""

    def __init__(self, directory: Path, header: Header, maximum_bytes: int) -> None:
        self._directory, self._maximum = directory, maximum_bytes
        self._header = _frame(header)
        self._file: BinaryIO | None = None
        self._began = 0.0
        self._size = 0

    @property
    def is_open(self) -> bool:
        """Whether a file grows."""
        return self._file is not None

    def write(self, records: Sequence[Record]) -> int:
        """Append records, so that a crash of this process does not lose them.

        Returns the bytes that the directory holds.

        Raises:
            Full: the directory holds too much already; nothing was written.
            OSError: the file system refuses.
        """
        used = size(self._directory)
        if records:
            content = b"".join(map(_frame, records))
            if used + len(content) > self._maximum:
                raise Full(f"the spool holds {used} bytes of at most {self._maximum}")
            try:
                self._append(content)
            except OSError:
                self.rotate()  # whatever came of it, its whole frames can be read
                raise
            used += len(content)
        age = time.monotonic() - self._began
        if self.is_open and (self._size > ROTATE_BYTES or age > ROTATE_SECONDS):
            self.rotate()
        return used

    def rotate(self) -> None:
        """End the present file, so that it can be shipped."""
        if self._file is None:
            return
        file, self._file = self._file, None
        path = Path(file.name)
        file.close()
        path.rename(path.with_suffix(WHOLE))

    def _append(self, content: bytes) -> None:
        if self._file is None:
            # Process ids repeat when a container restarts; a moment does not.
            name = f"{time.time_ns():x}-{os.getpid()}{PART}"
            self._file = (self._directory / name).open("xb", buffering=0)
            self._began, self._size = time.monotonic(), 0
            content = self._header + content
        self._file.write(content)
        self._size += len(content)


def _frame(document: Header | Record) -> bytes:
    encoded = _encoder.encode(document)
    return _LENGTH.pack(len(encoded)) + encoded


def size(directory: Path) -> int:
    """Return the bytes of all files below a directory."""
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size  # noqa: PTH116, PTH118
            except FileNotFoundError:  # shipped meanwhile
                continue
    return total


def recover(directory: Path) -> None:
    """Make whole what processes that are gone have left."""
    for path in directory.glob(f"*{PART}"):
        path.rename(path.with_suffix(WHOLE))


def read(path: Path) -> tuple[Header, Iterator[Record]] | None:
    """Return a file's header and records up to its first broken frame, None where it has none."""
    frames = _frames(path.read_bytes())
    header = next(frames, None)
    if not isinstance(header, Header):
        return None
    return header, (f for f in frames if not isinstance(f, Header))


def _frames(content: bytes) -> Iterator[Header | Record]:
    at = 0
    while at + _LENGTH.size <= len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size
        if at + length > len(content):
            return
        try:
            yield _decoder.decode(memoryview(content)[at : at + length])
        except msgspec.DecodeError:
            return
        at += length
