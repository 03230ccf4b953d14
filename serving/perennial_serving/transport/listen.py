"""Ports on the event loop, and their end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping

from perennial_serving.system.budget import Budget
from perennial_serving.system.sockets import BACKLOG
from perennial_serving.transport.http1.connection import Connection
from perennial_serving.transport.http1.listener import Listener, Refusal
from perennial_serving.transport.http1.request import Request
from perennial_serving.transport.http2 import calls as http2
from perennial_serving.transport.http2.dialogue import Streamed

SWEEP_SECONDS = 5.0
# What one connection's flow control allows to be on its way: large messages, or small ones.
BUFFERED_MESSAGES, LEAST_BUFFERED = 8, 32 * 1024 * 1024


class HttpPort:
    """A port that speaks HTTP/1.1."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, bound: socket.socket) -> None:
        """Accept connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self.listener), sock=bound, backlog=BACKLOG
        )
        self._sweep()

    def ask_to_leave(self) -> None:
        """Let each client that is here now make another connection, which may lead elsewhere."""
        self.listener.ask_to_leave()

    async def stop(self, deadline: float) -> None:
        """Accept no more; close each connection when its answer is out, or at the deadline.

        ``deadline`` is on the event loop's clock.
        """
        loop = asyncio.get_running_loop()
        assert self._server is not None
        self._server.close()
        self.listener.draining = True
        while self.listener.connections and loop.time() < deadline:
            self.listener.close_idle()
            await asyncio.sleep(0.02)
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self.listener.sweep(loop.time())
        self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep)


def http_port(
    handle: Callable[[Request], None],
    refusal: Refusal,
    body_bytes: int,
    budget: Budget,
    connections: int,
) -> HttpPort:
    """Return a port whose requests go to a handler; see :class:`Listener` for the bounds."""
    return HttpPort(Listener(handle, refusal, body_bytes, budget, connections))


class GrpcPort:
    """A port that speaks gRPC, over HTTP/2 in clear text."""

    def __init__(
        self,
        handle: http2.Handler,
        limits: http2.Limits,
        budget: Budget,
        streamed: Mapping[str, Streamed],
    ) -> None:
        self._handle, self._limits, self._budget = handle, limits, budget
        self._streamed = streamed
        self._connections: set[http2.Http2Protocol] = set()
        self._server: asyncio.Server | None = None

    async def start(self, bound: socket.socket) -> None:
        """Accept connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: http2.Http2Protocol(
                self._handle, self._limits, self._connections, self._budget, self._streamed
            ),
            sock=bound,
            backlog=BACKLOG,
        )

    def ask_to_leave(self) -> None:
        """Let each client that is here now make another connection, which may lead elsewhere."""
        for connection in list(self._connections):
            connection.ask_to_leave()

    async def stop(self, deadline: float) -> None:
        """Accept no more; close each connection when its answers are out, or at the deadline.

        ``deadline`` is on the event loop's clock.
        """
        assert self._server is not None
        loop = asyncio.get_running_loop()
        self._server.close()
        for connection in list(self._connections):
            connection.close_gracefully()
        while self._connections and loop.time() < deadline:  # noqa: ASYNC110 - they end themselves
            await asyncio.sleep(0.02)


def grpc_port(
    handle: http2.Handler,
    message_bytes: int,
    budget: Budget,
    connections: int,
    streamed: Mapping[str, Streamed],
) -> GrpcPort:
    """Return a port whose calls go to a handler, but those of methods that stream, by path."""
    limits = http2.Limits(
        message_bytes=message_bytes,
        buffered_bytes=max(BUFFERED_MESSAGES * message_bytes, LEAST_BUFFERED),
        connections=connections,
    )
    return GrpcPort(handle, limits, budget, streamed)
