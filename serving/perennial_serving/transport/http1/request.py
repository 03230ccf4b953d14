"""A request of HTTP as a handler sees it, and the rules for its head (RFC 9110 and 9112)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from perennial_serving.system.budget import Lease

Headers = dict[bytes, bytes]
"""Fields by lower-case name; those of one name are joined by commas (RFC 9110, section 5.3)."""

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_WEIGHT = re.compile(rb"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


class Request:
    """One request. ``lease`` counts the bytes of its body, where these are many."""

    __slots__ = ("body", "headers", "keeps", "lease", "method", "path", "query", "respond")

    def __init__(
        self, method: str, path: str, query: bytes, headers: Headers, body: bytes = b""
    ) -> None:
        self.method, self.path, self.query, self.headers = method, path, query, headers
        self.body: bytes | bytearray = body
        self.lease: Lease | None = None
        self.keeps = True
        self.respond: Callable[[int, bytes, bytes], None] = _nobody
        """Answers, once, with a status, a body and header lines that each end in CRLF."""


def _nobody(status: int, body: bytes, head: bytes) -> None:
    raise AssertionError("the request is not whole yet")


class Fault(Exception):
    """A head that is answered with an error, and ends its connection."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def check(method: str, version: str, headers: Headers) -> None:
    """Refuse what is not ours to answer.

    Raises:
        Fault: 400, 417, 501 or 505.
    """
    if version not in ("1.1", "1.0"):
        raise Fault(505, f"this port speaks HTTP/1.1, not HTTP/{version}")
    if method == "CONNECT":  # RFC 9110, section 9.3.6: for proxies
        raise Fault(501, "this server is no proxy")
    host = headers.get(b"host")
    if host is None:
        if version == "1.1":  # RFC 9112, section 3.2
            raise Fault(400, "the request has no Host")
    elif b"," in host:  # two of them, or none that can be
        raise Fault(400, "the request's Host is not one host")
    if b"transfer-encoding" in headers:
        coding = headers[b"transfer-encoding"]
        if version == "1.0":  # RFC 9112, section 6.1: its end cannot be told
            raise Fault(400, "a request of HTTP/1.0 has no Transfer-Encoding")
        if coding.lower() != b"chunked":  # RFC 9112, section 6.1
            told = coding[:64].decode("latin-1")
            raise Fault(501, f"Transfer-Encoding {told!r}: only chunked is taken")
    if b"expect" in headers and version == "1.1":
        expected = headers[b"expect"]  # RFC 9110, section 10.1.1
        if expected.lower() != b"100-continue":
            told = expected[:64].decode("latin-1")
            raise Fault(417, f"Expect {told!r}: only 100-continue can be met")


def path_of(target: bytes) -> tuple[str, bytes]:
    """Return path and query of a request's target, in whatever form (RFC 9112, section 3.2).

    Characters that need no escape mean the same with one (RFC 3986, section 6.2.2.2).
    """
    before, _, query = target.partition(b"?")
    path = before.decode("latin-1")
    if not path.startswith("/") and (found := _ABSOLUTE.match(path)):
        path = path[found.end() :] or "/"
    if "%" in path:
        path = _ESCAPED.sub(_unescaped, path)
    return path, query


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def listed(field: bytes) -> Iterator[tuple[bytes, float]]:
    """Yield the lower-case words of a list, each with its weight (RFC 9110, section 12.4.2)."""
    for item in field.lower().split(b","):
        word, _, parameters = item.partition(b";")
        weight = _WEIGHT.fullmatch(parameters.strip())
        if word := word.strip():
            yield word, float(weight[1]) if weight else 1.0


def accepts_gzip(headers: Headers) -> bool:
    """Tell whether a client likes gzip as much as nothing (RFC 9110, section 12.5.3)."""
    field = headers.get(b"accept-encoding", b"").lower()
    if not field or (b"gzip" not in field and b"*" not in field):
        return False
    weights = dict(listed(field))
    gzip = max(weights.get(b"gzip", -1.0), weights.get(b"x-gzip", -1.0))
    return (gzip if gzip >= 0 else weights.get(b"*", 0.0)) > 0
