"""Where a server listens."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

BACKLOG = 2048


@dataclass(frozen=True)
class Sockets:
    """Bound sockets, one a port."""

    http: socket.socket
    grpc: socket.socket
    metrics: socket.socket
    mirror: tuple[socket.socket, ...] = ()
    """For copies of requests, over HTTP and over gRPC; none where no copies are taken."""

    @property
    def ports(self) -> str:
        """The ports, for people."""
        http, grpc, metrics, *mirror = (s.getsockname()[1] for s in self._all)
        copies = f", copies {' and '.join(map(str, mirror))}" if mirror else ""
        return f"HTTP {http}, gRPC {grpc}, metrics {metrics}{copies}"

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The file descriptors, for a child process."""
        return tuple(bound.fileno() for bound in self._all)

    @property
    def _all(self) -> tuple[socket.socket, ...]:
        return self.http, self.grpc, self.metrics, *self.mirror

    def close(self) -> None:
        """Close all."""
        for bound in self._all:
            bound.close()


def inherit(descriptors: Sequence[int]) -> Sockets:
    """Return the sockets that a parent process bound."""
    http, grpc, metrics, *mirror = (socket.socket(fileno=number) for number in descriptors)
    return Sockets(http, grpc, metrics, tuple(mirror))


def bind(host: str, port: int, *, share: bool = False) -> socket.socket:
    """Take a port; ``share`` lets other processes take it too.

    Nobody can connect until its owner listens, which is when it can answer: a connection that the
    kernel accepted before would wait, however long that takes.

    Raises:
        OSError: it is taken, or not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
