"""Where a server listens."""

from __future__ import annotations

import socket
from dataclasses import dataclass

BACKLOG = 2048


@dataclass(frozen=True)
class Sockets:
    """Bound sockets, one a port."""

    http: socket.socket
    grpc: socket.socket
    metrics: socket.socket

    @property
    def ports(self) -> str:
        """The ports, for people."""
        http, grpc, metrics = (s.getsockname()[1] for s in (self.http, self.grpc, self.metrics))
        return f"HTTP {http}, gRPC {grpc}, metrics {metrics}"

    @property
    def descriptors(self) -> tuple[int, int, int]:
        """The file descriptors, for a child process."""
        return self.http.fileno(), self.grpc.fileno(), self.metrics.fileno()

    def close(self) -> None:
        """Close all."""
        for bound in (self.http, self.grpc, self.metrics):
            bound.close()


def inherit(descriptors: tuple[int, int, int]) -> Sockets:
    """Return the sockets that a parent process bound."""
    return Sockets(*(socket.socket(fileno=number) for number in descriptors))


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
