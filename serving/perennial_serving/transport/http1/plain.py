"""The heads that nearly all clients send, read in one go; any other is for llhttp.

What is read here means the same to llhttp, which takes a call for each field: a test reads both.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from perennial_serving.transport.http1.request import Fault, Headers, check, path_of

HEAD_END = b"\r\n\r\n"
# A longer head is llhttp's.
PLAIN_BYTES = 2048

# A request line and fields as RFC 9112 (sections 3 and 5) has them, with nothing optional but what
# everybody writes, and with no character of a target that RFC 3986 does not allow.
_LINE = rb"(GET|POST) (/[A-Za-z0-9/?:@!$&'()*+,;=._~%-]*+) HTTP/1\.1\r\n"
_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++: [!-~\x80-\xff][\t -~\x80-\xff]*+\r\n"
_HEAD = re.compile(_LINE + rb"((?:" + _FIELD + rb")++)\r\n")
_FIELDS = re.compile(rb"([^:]++): ([^\r]++)\r\n")
_LENGTH = re.compile(rb"[0-9]{1,15}")
# What says more of a body than its length, of the connection, or asks for more than an answer.
_UNLIKE = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"trailer", b"proxy-connection"))


class Head(NamedTuple):
    """The head of a request that has a Content-Length, or no body; the next may have the same."""

    method: str
    path: str
    query: bytes
    headers: Headers
    length: int


def plain(head: bytes) -> Head | None:
    """Return what a whole head says, None where it is not plain, or wrong."""
    found = _HEAD.fullmatch(head)
    if found is None:
        return None
    method, target, fields = found.groups()
    headers: Headers = {name.lower(): value for name, value in _FIELDS.findall(fields)}
    # Fields of one name are joined elsewhere, or refused.
    if len(headers) != fields.count(b"\r\n") or not _UNLIKE.isdisjoint(headers):
        return None
    if b" \r\n" in fields or b"\t\r\n" in fields:
        return None
    if b"connection" in headers and headers[b"connection"].lower() != b"keep-alive":
        return None
    length = headers.get(b"content-length", b"0")
    if _LENGTH.fullmatch(length) is None:
        return None
    told = method.decode()
    try:
        check(told, "1.1", headers)
    except Fault:
        return None
    return Head(told, *path_of(target), headers, int(length))
