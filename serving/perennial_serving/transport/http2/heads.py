"""The header blocks of requests, checked and remembered.

A client's calls mostly come with the same bytes; these then cost a look-up in a dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hpack import HPACKError, OversizedHeaderListError

from perennial_serving.transport.http2.fields import Fields
from perennial_serving.transport.http2.frames import (
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    PROTOCOL_ERROR,
    ConnectionFault,
    StreamFault,
)
from perennial_serving.transport.http2.grpc_wire import (
    ENCODINGS,
    INTERNAL,
    RESOURCE_EXHAUSTED,
    UNIMPLEMENTED,
    failure,
    refusal,
)

# How many blocks of how many bytes are remembered for each connection.
_REMEMBERED, _SHORT = 32, 512
# A list this many times too large ends one call; a larger one ends the connection.
_LENIENCY = 4

_PSEUDO = {b":method", b":scheme", b":path", b":authority"}
_NEEDED = (":method", ":scheme", ":path")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_BAD = re.compile(rb"[\0\r\n]|\A[ \t]|[ \t]\Z")
_OF_CONNECTIONS = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"transfer-encoding",
    b"upgrade",
}
_CONTENT_TYPE = re.compile(r"application/grpc([+;].*)?", re.IGNORECASE)
_DIGITS = re.compile(r"\d{1,15}", re.ASCII)
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])", re.ASCII)
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


@dataclass(frozen=True, slots=True)
class Head:
    """What a request's headers say; it is shared by all requests with the same ones."""

    path: str
    metadata: Mapping[str, str]
    encoding: str = "identity"
    timeout: float | None = None  # seconds
    length: int | None = None  # of all data, in bytes
    refusal: tuple[bytes, bytes] | None = None  # header block and body


class Heads:
    """One connection's header blocks in the order of their arrival."""

    def __init__(self, limit: int) -> None:
        self._fields = Fields(limit * _LENIENCY)
        self._limit = limit
        self._known: dict[bytes, Head] = {}
        self._changed = False

    def request(self, block: bytes) -> Head:
        """Return what the headers say.

        Raises:
            ConnectionFault: the block does not decode, so that none after it can.
            StreamFault: the request is malformed (RFC 9113, section 8.1.1).
        """
        head = self._known.get(block)
        if head is None:
            fields, weight = self._decode(block)
            head = _head(fields, weight, self._limit)
            if not self._changed and len(block) <= _SHORT:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[block] = head
        return head

    def trailers(self, block: bytes) -> bool:
        """Decode trailers, which say nothing to us, and return whether they are well formed.

        Raises:
            ConnectionFault: the block does not decode, so that none after it can.
        """
        return not any(name.startswith(b":") for name, _ in self._decode(block)[0])

    def _decode(self, block: bytes) -> tuple[list[tuple[bytes, bytes]], int]:
        before = self._fields.changes
        try:
            found = self._fields.read(block)
        except OversizedHeaderListError as error:
            raise ConnectionFault(ENHANCE_YOUR_CALM) from error
        except HPACKError as error:
            raise ConnectionFault(COMPRESSION_ERROR) from error
        self._changed = self._fields.changes != before
        if self._changed:
            self._known.clear()
        return found


def _head(fields: list[tuple[bytes, bytes]], weight: int, limit: int) -> Head:
    if weight > limit:
        told = f"the headers have over {limit} bytes"
        return Head("", {}, refusal=(failure(RESOURCE_EXHAUSTED, told), b""))
    pseudo, metadata = _checked(fields)
    length, timeout = metadata.get("content-length"), metadata.get("grpc-timeout")
    if length is not None and not _DIGITS.fullmatch(length):
        raise StreamFault(PROTOCOL_ERROR)
    refused, seconds = _refusal(pseudo[":method"], metadata), None
    if timeout is not None and refused is None:
        if found := _TIMEOUT.fullmatch(timeout):
            seconds = int(found[1]) * _SECONDS[found[2]]
        else:
            refused = failure(INTERNAL, "grpc-timeout is malformed"), b""
    return Head(
        pseudo[":path"],
        metadata,
        metadata.get("grpc-encoding", "identity"),
        seconds,
        None if length is None else int(length),
        refused,
    )


def _refusal(method: str, metadata: Mapping[str, str]) -> tuple[bytes, bytes] | None:
    if method != "POST":
        return refusal(405), b"gRPC calls are POSTs\n"
    if not _CONTENT_TYPE.fullmatch(metadata.get("content-type", "")):
        return refusal(415), b"this port takes application/grpc\n"
    encoding = metadata.get("grpc-encoding", "identity")
    if encoding not in ENCODINGS:
        return failure(UNIMPLEMENTED, f"messages encoded by {encoding} are not taken"), b""
    return None


def _checked(fields: list[tuple[bytes, bytes]]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the pseudo headers and the others, of which repeated ones are joined.

    Raises:
        StreamFault: the request is malformed (RFC 9113, sections 8.2 and 8.3).
    """
    pseudo: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in fields:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        if name.startswith(b":"):
            well = name in _PSEUDO and key not in pseudo and not metadata
            pseudo[key] = text
        else:
            well = _NAME.fullmatch(name) is not None and name not in _OF_CONNECTIONS
            well = well and (name != b"te" or value == b"trailers")
            metadata[key] = f"{metadata[key]},{text}" if key in metadata else text
        if not well or _BAD.search(value):
            raise StreamFault(PROTOCOL_ERROR)
    if not all(pseudo.get(name) for name in _NEEDED):
        raise StreamFault(PROTOCOL_ERROR)
    return pseudo, metadata
