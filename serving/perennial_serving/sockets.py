"""Where a server listens."""

from __future__ import annotations

import socket
from dataclasses import dataclass

BACKLOG = 2048


@dataclass(frozen=True)
class Sockets:
    """Bound sockets for HTTP; gRPC binds its own port, which many processes may share."""

    http: socket.socket
    metrics: socket.socket
    grpc_host: str
    grpc_port: int

    @property
    def ports(self) -> str:
        """The ports, for people."""
        http, metrics = (s.getsockname()[1] for s in (self.http, self.metrics))
        return f"HTTP {http}, gRPC {self.grpc_port}, metrics {metrics}"

    @property
    def grpc_address(self) -> str:
        """The address as gRPC writes it."""
        host = f"[{self.grpc_host}]" if ":" in self.grpc_host else self.grpc_host
        return f"{host}:{self.grpc_port}"


def bind(host: str, port: int, *, share: bool = False) -> socket.socket:
    """Listen on a port; ``share`` lets other processes listen on it too.

    Raises:
        OSError: it is taken, or not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=share)


def reserve(host: str, port: int) -> socket.socket:
    """Hold a shared port without listening, so that all processes get the same one.

    Raises:
        OSError: it is taken, or not ours to take.
    """
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, port))
    return held
