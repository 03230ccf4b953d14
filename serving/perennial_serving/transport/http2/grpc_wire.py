"""What gRPC lays over HTTP/2: the framed message, the headers and trailers of an answer.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md and doc/statuscodes.md.
"""

from __future__ import annotations

import struct
from urllib.parse import quote

from perennial_serving.transport.http2.frames import literal
from perennial_serving.transport.inflate import TooLarge, inflated

DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 4, 8, 12, 13, 14

# A message's prefix: compressed or not, length.
PREFIX = struct.Struct(">BI")
# zlib's window bits for each format.
ENCODINGS = {"identity": 0, "deflate": 15, "gzip": 31}
# A status text becomes at most twelve times as long and has to fit into one frame.
_TEXT = 1000
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")

# `:status 200` is the eighth field of HPACK's static table.
_OK = b"\x88"
_CONTENT = literal("content-type", b"application/grpc")
_ACCEPTED = literal("grpc-accept-encoding", b"identity,deflate,gzip")
ANSWER_HEADERS = _OK + _CONTENT + _ACCEPTED
ANSWER_TRAILERS = literal("grpc-status", b"0")


class CallFault(Exception):
    """The call is answered with a gRPC status; the text is for the client's developer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def status(code: int, text: str) -> bytes:
    """Return the block of trailers that ends an answer with a status other than OK."""
    told = quote(text[:_TEXT], safe=_PRINTABLE, errors="replace").encode()
    return literal("grpc-status", str(code).encode()) + literal("grpc-message", told)


def failure(code: int, text: str) -> bytes:
    """Return the header block of an answer that is nothing but a status."""
    return ANSWER_HEADERS + status(code, text)


def refusal(status: int) -> bytes:
    """Return the header block of an answer to what is not gRPC."""
    # A literal whose name is that of the eighth field of the static table.
    return b"\x08\x03" + str(status).encode() + literal("content-type", b"text/plain")


def too_large(size: int, limit: int) -> CallFault:
    """Return the fault of a message over the limit, in bytes."""
    text = f"the message has {size} bytes; at most {limit} are taken"
    return CallFault(RESOURCE_EXHAUSTED, text)


def not_one() -> CallFault:
    """Return the fault of a call with no message or several."""
    return CallFault(UNIMPLEMENTED, "the method takes exactly one request message")


def unpack(data: bytes | bytearray, encoding: str, limit: int) -> tuple[bytes, str]:
    """Return the one message that is all of a request's data, and how it is compressed, if it is.

    Raises:
        CallFault: there is not one whole message, or it is over the limit.
    """
    if not data:
        raise not_one()
    if len(data) < PREFIX.size:
        raise CallFault(INTERNAL, "the request ends within its message")
    compressed, size = PREFIX.unpack_from(data)
    if size > limit:
        raise too_large(size, limit)
    if size != len(data) - PREFIX.size:
        if size < len(data) - PREFIX.size:
            raise not_one()
        raise CallFault(INTERNAL, "the request ends within its message")
    message = bytes(memoryview(data)[PREFIX.size :])
    if not compressed:
        return message, ""
    if compressed != 1 or encoding == "identity":
        raise CallFault(INTERNAL, "the message is flagged as compressed, but by no encoding")
    return message, encoding


def decompress(message: bytes, encoding: str, limit: int) -> bytes:
    """Return a message without its compression.

    Raises:
        CallFault: it is not what its encoding says, or would be too large.
    """
    try:
        return inflated(message, ENCODINGS[encoding], limit)
    except TooLarge as error:
        raise CallFault(RESOURCE_EXHAUSTED, f"decompressed, the message {error}") from error
    except ValueError as error:
        raise CallFault(INTERNAL, f"the message is not {encoding}: {error}") from error
