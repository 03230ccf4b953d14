"""All ports on one event loop, and an end that loses no request."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from dataclasses import dataclass

from perennial_serving import rpc
from perennial_serving.admission import Admission
from perennial_serving.dataplane import DataPlane
from perennial_serving.http_server import http_server
from perennial_serving.observability import ObservabilityApp, Own
from perennial_serving.rest import RestApp
from perennial_serving.scheduler import Scheduler
from perennial_serving.sockets import Sockets


@dataclass(frozen=True)
class Limits:
    """What a server takes on, and how long it takes to end."""

    body_bytes: int
    in_flight: int
    batch_rows: int
    threads: int
    drain_seconds: float
    quiet_seconds: float


async def serve(plane: DataPlane, limits: Limits, sockets: Sockets) -> int:
    """Serve until SIGTERM or SIGINT, drain, and return the exit code."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    admission = Admission(limits.in_flight)
    scheduler = Scheduler(plane, limits.batch_rows, limits.threads)
    service = rpc.InferenceService(plane, scheduler, admission)
    try:
        remote = rpc.server(service, sockets.grpc_address, limits.body_bytes)
    except RuntimeError as error:
        print(f"{sockets.grpc_address}: {error}", file=sys.stderr)
        return 1
    app = RestApp(plane, scheduler, admission, limits.body_bytes)
    servers = [http_server(app), http_server(ObservabilityApp(Own(plane)))]
    # Not serve(), which would take the signals for itself.
    tasks = [
        asyncio.create_task(server._serve(sockets=[s]))
        for server, s in zip(servers, (sockets.http, sockets.metrics), strict=True)
    ]
    await remote.start()
    model = plane.model
    print(f"serving {model.name} version {model.version} on ports {sockets.ports}", flush=True)
    await stopping.wait()
    deadline = time.monotonic() + limits.drain_seconds
    await _drain(admission, limits.quiet_seconds, deadline)
    await remote.stop(max(1.0, deadline - time.monotonic()))
    for server, task in zip(servers, tasks, strict=True):
        server.config.timeout_graceful_shutdown = max(1, round(deadline - time.monotonic()))
        server.should_exit = True
        await task
    if plane.tracing is not None:
        await asyncio.to_thread(plane.tracing.flush)
    if plane.log is not None:
        await plane.log.close()
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
