"""Several processes behind the same ports, with one view of their metrics and windows.

The parent loads no model: it starts the workers, ends with the first that ends, and adds up what
they counted. The kernel spreads connections over the workers that listen (SO_REUSEPORT); these
wait for one another, so that a pod that answers has all it can do.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Sequence

from perennial_serving.evidence.receipts.duplicates import memory
from perennial_serving.evidence.totals import add_metrics, add_windows
from perennial_serving.process.gate import Gate
from perennial_serving.process.observability import (
    JSON,
    Answer,
    check_post,
    exposition,
    not_found,
    observability_port,
)
from perennial_serving.process.settings import mirror_ports
from perennial_serving.system.errors import refusal
from perennial_serving.system.sockets import Sockets, bind
from perennial_serving.transport.http1.request import Request

# What a worker may take, whose port for this has a thread of its own.
ANSWER_SECONDS = 5.0
# With exemplars, whatever the one who asks us likes.
_HEADERS = (
    "Host: worker\r\nConnection: close\r\nAccept: application/openmetrics-text; version=1.0.0\r\n"
)
_PATHS = (
    *("/healthz", "/v2/health/live", "/v2/health/ready"),
    *("/metrics", "/window", "/profile", "/drain"),
)
_MODELS = "/v2/models/"


async def _ask_one(port: int, method: str, target: str) -> Answer:
    """Ask one worker on its own port; 503 where it does not answer."""
    try:
        return await asyncio.wait_for(_ask(port, method, target), ANSWER_SECONDS)
    except (OSError, TimeoutError, IndexError, ValueError):
        return 503, JSON, refusal("a worker does not answer")


async def _ask(port: int, method: str, target: str) -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{method} {target} HTTP/1.1\r\n{_HEADERS}\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    first, *lines = head.split(b"\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(b":") for line in lines)}
    return int(first.split()[1]), headers.get(b"content-type", b""), body


class _All:
    """Answers the metrics port for all workers together."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports

    async def __call__(self, request: Request) -> Answer:
        path, query = request.path, request.query
        if path not in _PATHS and not path.startswith(_MODELS):
            return not_found()
        if path == "/drain":
            check_post(request)
        method = "POST" if path == "/drain" else "GET"
        target = f"{path}?{query.decode('latin-1')}" if query else path
        is_alike = path == "/profile" or path.startswith(_MODELS)
        ports = self._ports[:1] if is_alike else self._ports
        answers = await asyncio.gather(*(_ask_one(port, method, target) for port in ports))
        status, kind, body = max(answers)
        if status == 200 and path == "/metrics":
            return exposition(add_metrics([text for _, _, text in answers]), request)
        if status == 200 and path == "/window":
            body = add_windows([text for _, _, text in answers])
        return status, kind, body


def supervise(chosen: argparse.Namespace, arguments: Sequence[str], count: int) -> int:
    """Run workers until SIGTERM or until one ends; return the exit code.

    Raises:
        OSError: a port is taken.
    """
    return asyncio.run(_supervise(chosen, arguments, count))


def _shared(host: str, port: int, count: int) -> list[socket.socket]:
    """Take a port for several processes, a socket each.

    Raises:
        OSError: it is taken.
    """
    first = bind(host, port, share=True)
    number = first.getsockname()[1]
    return [first, *(bind(host, number, share=True) for _ in range(count - 1))]


async def _supervise(chosen: argparse.Namespace, arguments: Sequence[str], count: int) -> int:
    # A worker's metrics are for us alone, the rest is shared.
    outer, remote, *copies = (
        _shared(chosen.host, port, count)
        for port in (chosen.http_port, chosen.grpc_port, *mirror_ports(chosen))
    )
    inner = [bind("127.0.0.1", 0) for _ in range(count)]
    metrics = bind(chosen.host, chosen.metrics_port)
    processes = []
    port = observability_port(_All([own.getsockname()[1] for own in inner]))
    mirrors = list(zip(*copies, strict=True)) if copies else [()] * count
    told_ports = Sockets(outer[0], remote[0], metrics, mirrors[0]).ports
    gate, duplicates = Gate(), memory()
    for sockets in (Sockets(*each) for each in zip(outer, remote, inner, mirrors, strict=True)):
        handed = (*sockets.descriptors, *gate.descriptors, duplicates)
        inherited = ",".join(map(str, (*handed, count)))
        command = [sys.executable, "-m", "perennial_serving", *arguments, "--inherit", inherited]
        process = await asyncio.create_subprocess_exec(*command, pass_fds=handed)
        processes.append(process)
        sockets.close()
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ending.set)
    waits = [asyncio.create_task(p.wait()) for p in processes]
    told = asyncio.create_task(ending.wait())
    loaded = asyncio.create_task(gate.wait(count))
    await asyncio.wait([told, loaded, *waits], return_when=asyncio.FIRST_COMPLETED)
    if loaded.done() and not any(wait.done() for wait in waits):
        await port.start(metrics)
        gate.open()
        print(f"{count} workers on ports {told_ports}", flush=True)
        await asyncio.wait([told, *waits], return_when=asyncio.FIRST_COMPLETED)
    loaded.cancel()
    for process in processes:
        if process.returncode is None:
            process.terminate()
    codes = await asyncio.gather(*waits)
    told.cancel()
    if gate.is_open:
        await port.stop(loop.time() + 1.0)
    return 0 if ending.is_set() and not any(codes) else 1
