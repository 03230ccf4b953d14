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
    """Listen on a port; ``share`` lets other processes listen on it too.

    Raises:
        OSError: it is taken, or not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=share)
