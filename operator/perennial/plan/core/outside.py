"""Addresses outside: what may be asked there, in whose name, and how a number is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

# Strict, so that no two readers of a URL can understand it differently: neither a user nor a
# fragment, nothing that is not ASCII, no backslash.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9*{}.-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}|\*))?"
    r"(?P<path>/[A-Za-z0-9._~%!$&'()+,;=:@/-]*)?(?P<query>\?[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*)?",
    re.IGNORECASE | re.ASCII,
)
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_PORTS = {"http": "80", "https": "443"}
DENIED = "UrlNotAllowed"
"""Why an object stalls that names what the chart does not let it ask."""
_ENCODED = re.compile(r"%(2e|2f|5c|00|25|3b)", re.IGNORECASE)
"""A dot, a slash, a backslash or a nul in disguise, which may lead out of a folder; so may what is
in disguise twice, or a semicolon: some servers take /..; for the folder above."""


@dataclass(frozen=True)
class Measurement:
    """A number, or the ``problem`` for which there is none."""

    value: float | None = None
    problem: str = ""


class OutsideQuestion(Protocol):
    """A number that is asked for by GET."""

    @property
    def id(self) -> str:
        """Return for what it is: the answer to a question of another id is none."""

    @property
    def url(self) -> str:
        """Return what is asked."""

    def read(self, status: int, body: bytes) -> Measurement:
        """Return what an answer says."""


@dataclass(frozen=True)
class Message:
    """What is sent to a URL by POST, once or more: who takes it knows it by its id."""

    id: str
    url: str
    content_type: str
    body: bytes


@dataclass(frozen=True)
class AllowedUrl:
    """What a cluster administrator lets models ask.

    A URL that others begin with; ``*`` stands for one label of the host or for any port,
    ``{namespace}`` for that of the object. Without a port the scheme's own is meant.
    """

    url: str
    namespaces: tuple[str, ...] = ()
    """Whose objects may ask; empty: everybody's."""


def is_allowed(url: str, allowed: Iterable[AllowedUrl], namespace: str) -> bool:
    """Tell whether an object of a namespace may ask a URL; one that is no plain URL it may not."""
    asked = _URL.fullmatch(url)
    if asked is None or "*" in asked["host"] or "{" in url or _leads_elsewhere(asked["path"] or ""):
        return False
    return any(
        _begins(a.url, asked, namespace)
        for a in allowed
        if not a.namespaces or namespace in a.namespaces
    )


def denied_because(url: str, allowed: Iterable[AllowedUrl], namespace: str) -> str:
    """Return why an object of a namespace may not ask a URL, '' where it may."""
    if is_allowed(url, allowed, namespace):
        return ""
    if not (host := host_of(url)):
        return (
            "its URL is none that is asked: write http://HOST:PORT/PATH, with what is not plain "
            "in it percent-encoded"
        )
    return (
        f"the chart does not let namespace {namespace} ask this URL of {host}: let a cluster "
        "administrator add it to the value allowedUrls"
    )


def host_of(url: str) -> str:
    """Return the host of a URL for people, '' where it is none."""
    found = _URL.fullmatch(url)
    return found["host"].lower() if found is not None else ""


def _begins(pattern: str, asked: re.Match[str], namespace: str) -> bool:
    may = _URL.fullmatch(pattern)
    if may is None or may["scheme"].lower() != asked["scheme"].lower():
        return False
    scheme = may["scheme"].lower()
    ports = [m["port"] or _PORTS[scheme] for m in (may, asked)]
    host = re.escape(may["host"].lower().rstrip(".").replace("{namespace}", namespace))
    is_host = re.fullmatch(host.replace(r"\*", _LABEL), asked["host"].lower().rstrip("."))
    folder, path = may["path"] or "/", asked["path"] or "/"
    below = folder if folder.endswith("/") else f"{folder}/"
    is_below = path == folder or path.startswith(below)
    return bool(is_host) and ports[0] in ("*", ports[1]) and is_below


def _leads_elsewhere(path: str) -> bool:
    segments = (segment.partition(";")[0] for segment in unquote(path).split("/"))
    return bool(_ENCODED.search(path)) or any(segment in (".", "..") for segment in segments)
