"""All ports on one event loop, and an end that loses no request."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

import uvicorn

from perennial_serving import rpc
from perennial_serving.admission import Admission
from perennial_serving.dataplane import DataPlane
from perennial_serving.observability import ObservabilityApp
from perennial_serving.rest import RestApp
from perennial_serving.scheduler import Scheduler

# Longer than clients' and proxies' own, so that it is they who close an idle connection: a server
# that closes one races with the request that may be on its way.
KEEP_ALIVE_SECONDS = 620
_BACKLOG = 2048


@dataclass(frozen=True)
class Limits:
    """What a server takes on, and how long it takes to end."""

    body_bytes: int
    in_flight: int
    batch_rows: int
    drain_seconds: float
    quiet_seconds: float


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _server(app: Any) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        backlog=_BACKLOG,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        http="httptools",
    )
    return uvicorn.Server(config)


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    http_port: int
    grpc_port: int
    metrics_port: int


async def serve(plane: DataPlane, limits: Limits, address: Address) -> int:
    """Serve until SIGTERM or SIGINT, drain, and return the exit code."""
    admission = Admission(limits.in_flight)
    scheduler = Scheduler(plane, limits.batch_rows)
    app = RestApp(plane, scheduler, admission, limits.body_bytes)
    service = rpc.InferenceService(plane, scheduler, admission)
    host = f"[{address.host}]" if ":" in address.host else address.host
    try:
        sockets = [_bind(address.host, p) for p in (address.http_port, address.metrics_port)]
        remote, grpc_port = rpc.server(service, f"{host}:{address.grpc_port}", limits.body_bytes)
    except (OSError, RuntimeError) as error:
        told = f"{address.host}, ports {address.http_port}, {address.grpc_port}"
        print(f"{told}, {address.metrics_port}: {error}", file=sys.stderr)
        return 1
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    servers = [_server(app), _server(ObservabilityApp(plane))]
    # Not serve(), which would take the signals for itself.
    tasks = [
        asyncio.create_task(server._serve(sockets=[s]))
        for server, s in zip(servers, sockets, strict=True)
    ]
    await remote.start()
    http, metrics = (s.getsockname()[1] for s in sockets)
    model = plane.model
    ports = f"HTTP {http}, gRPC {grpc_port}, metrics {metrics}"
    print(f"serving {model.name} version {model.version} on ports {ports}", flush=True)
    await stopping.wait()
    deadline = time.monotonic() + limits.drain_seconds
    await _drain(admission, limits.quiet_seconds, deadline)
    await remote.stop(max(1.0, deadline - time.monotonic()))
    for server, task in zip(servers, tasks, strict=True):
        server.config.timeout_graceful_shutdown = max(1, round(deadline - time.monotonic()))
        server.should_exit = True
        await task
    return 0


async def _drain(admission: Admission, quiet_seconds: float, deadline: float) -> None:
    """Go on answering until clients have gone elsewhere.

    A pod hears of its end before every node has stopped sending to it, so the ports stay open
    until no request has come for a while; each answer meanwhile asks its client to reconnect.
    """
    admission.draining = True
    began = time.monotonic()
    while (now := time.monotonic()) < deadline:
        quiet_since = max(began, admission.last_infer)
        if admission.in_flight == 0 and now - quiet_since >= quiet_seconds:
            return
        await asyncio.sleep(0.05)
