"""All ports on one event loop, and an end that loses no request."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from perennial_serving.execution.admission import Admission
from perennial_serving.execution.dataplane import DataPlane
from perennial_serving.execution.scheduler import Scheduler
from perennial_serving.process.aside import Aside
from perennial_serving.process.observability import observability_port
from perennial_serving.process.own import Own, Pulse
from perennial_serving.protocol import reflection
from perennial_serving.protocol.call import Engine
from perennial_serving.protocol.description import Description
from perennial_serving.protocol.rest import RestApp
from perennial_serving.protocol.rpc import GrpcApp
from perennial_serving.protocol.tensors import Feeds
from perennial_serving.system.budget import Budget
from perennial_serving.system.errors import refusal
from perennial_serving.system.resources import confine
from perennial_serving.system.sockets import Sockets
from perennial_serving.transport.listen import GrpcPort, HttpPort, grpc_port, http_port


@dataclass(frozen=True)
class Limits:
    """What a server takes on, and how long it takes to end."""

    body_bytes: int
    budget_bytes: int
    memory_bytes: int
    rows: int
    connections: int
    """Of each port."""
    copies: int
    """Connections of each port for copies of requests."""
    in_flight: int
    batch_rows: int
    threads: int
    drain_seconds: float
    quiet_seconds: float


async def serve(plane: DataPlane, limits: Limits, sockets: Sockets) -> None:
    """Serve until SIGTERM or SIGINT, and drain."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    admission = Admission(limits.in_flight, plane.metrics)
    scheduler = Scheduler(plane, limits.batch_rows, limits.threads)
    budget = plane.metrics.budget = Budget(limits.budget_bytes)
    engine = Engine(plane, scheduler, admission, Feeds(plane.model, limits.rows), budget)
    body = limits.body_bytes
    rests: list[tuple[HttpPort, socket.socket]] = []
    rpcs: list[tuple[GrpcPort, socket.socket]] = []
    for http, grpc, mirrored in _data_ports(sockets):
        most = limits.copies if mirrored else limits.connections
        rest, calls = RestApp(engine, body, mirrored), GrpcApp(engine, body, mirrored)
        streamed = calls.streamed | reflection.streamed()
        rests.append((http_port(rest, refusal, body, budget, most), http))
        rpcs.append((grpc_port(calls, body, budget, most, streamed), grpc))
    ports: list[tuple[HttpPort | GrpcPort, socket.socket]] = [*rests, *rpcs]
    pulse = Pulse(loop, admission)

    def drain() -> None:
        for port, _ in ports:
            port.ask_to_leave()

    own = Own(plane, pulse, Description(plane.model, admission), drain)
    aside = Aside(lambda: observability_port(own), sockets.metrics)
    # First all threads, for each takes address space once.
    scheduler.start_threads()
    engine.start_threads()
    aside.start()
    confine(limits.memory_bytes)
    for port, bound in ports:
        await port.start(bound)
    pulse.listening = True
    model = plane.model
    print(f"serving {model.name} version {model.version} on ports {sockets.ports}", flush=True)
    await stopping.wait()
    deadline = loop.time() + limits.drain_seconds
    for http_only, _ in rests:
        http_only.listener.draining = True
    admission.drain()
    await _drain(admission, limits.quiet_seconds, deadline)
    await asyncio.gather(*(port.stop(deadline) for port, _ in ports))
    if plane.log is not None:
        await plane.log.close()
    if plane.tracing is not None:
        await loop.run_in_executor(engine.threads, plane.tracing.flush)
    aside.stop()


def _data_ports(sockets: Sockets) -> Iterator[tuple[socket.socket, socket.socket, bool]]:
    """Yield the sockets for HTTP and gRPC, and whether what comes there are copies of requests."""
    yield sockets.http, sockets.grpc, False
    if sockets.mirror:
        http, grpc = sockets.mirror
        yield http, grpc, True


async def _drain(admission: Admission, quiet_seconds: float, deadline: float) -> None:
    """Go on answering until clients have gone elsewhere.

    A pod hears of its end before every node has stopped sending to it, so the ports stay open
    until no request has come for a while; each answer meanwhile asks its client to reconnect.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while (now := loop.time()) < deadline:
        quiet_since = max(began, admission.last_infer)
        if admission.in_flight == 0 and now - quiet_since >= quiet_seconds:
            return
        await asyncio.sleep(0.05)
