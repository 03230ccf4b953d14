"""The servers that are compared: how each is started, and what it can be asked."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.cases import MODEL, Case
from benchmarks.load import SERVER_CORE
from peers import environments

ROOT = Path(__file__).resolve().parents[1]
SERVERS = Path(__file__).parent / "servers"
START_SECONDS = 60


@dataclass(frozen=True)
class Subject:
    """A server to be started."""

    name: str
    title: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path | None = None
    ready: str | None = f"/v2/models/{MODEL}/ready"
    """A path that answers 200; without one, a port that takes connections."""
    transports: tuple[str, ...] = ("json", "binary", "grpc")
    cores: str = SERVER_CORE

    def takes(self, case: Case) -> bool:
        """Whether it speaks what a case is written in."""
        return case.name.startswith(self.transports)


@dataclass
class Running:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    http: int
    grpc: int
    ready_seconds: float

    def port(self, case: Case) -> int:
        """Return the port that a case goes to."""
        return self.grpc if case.is_grpc else self.http

    def resident_mib(self) -> float:
        """Return the resident memory of the process and its children, in MiB."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._tree()]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_seconds(self) -> float:
        """Return the CPU time that they have used, to the nanosecond."""
        return sum(time.clock_gettime(_cpu_clock(pid)) for pid in self._tree())

    def _tree(self) -> list[int]:
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found


def _cpu_clock(pid: int) -> int:
    """Return the clock of a process's CPU time, as clock_getcpuclockid(3) does on Linux."""
    return ~pid << 3 | 2


def ours(model: Path, http: int, grpc: int, metrics: int, workers: int = 1) -> Subject:
    """Return this project's server, with metrics and the drift sketch."""
    paths = os.pathsep.join(str(ROOT / part) for part in ("serving", "artifact"))
    command = [str(environments.python(environments.OURS)), "-m", "perennial_serving"]
    command += ["--model-dir", str(model)]
    command += ["--model-name", MODEL, "--host", "127.0.0.1", "--quiet-seconds", "0"]
    command += ["--workers", str(workers)]
    command += ["--http-port", str(http), "--grpc-port", str(grpc), "--metrics-port", str(metrics)]
    return Subject("perennial", "Perennial", command, {"PYTHONPATH": paths})


def with_receipts(subject: Subject, place: Path) -> Subject:
    """Return this project's server with receipts on, under a new key."""
    keys = place / "keys"
    keys.mkdir(exist_ok=True)
    (keys / "key").write_bytes(os.urandom(32))
    command = [*subject.command, "--receipts", str(keys)]
    return replace(subject, title="Perennial, receipts on", command=command)


def empty(answer: Path, http: int) -> Subject:
    """Return a handler that reads the body and answers with a file."""
    command = [str(environments.python("frontends")), str(SERVERS / "on_uvicorn.py"), str(http)]
    environment = {"HANDLER": "empty", "ANSWER": str(answer), "PYTHONPATH": str(SERVERS)}
    title = "empty handler on uvicorn"
    transports = ("json", "binary")
    return Subject("empty", title, command, environment, ready="/", transports=transports)


def mlserver(model: Path, place: Path, http: int, grpc: int, metrics: int) -> Subject:
    """Return MLServer with a runtime over onnxruntime, in one process.

    Its several workers do not start with the uvloop of its environment.
    """
    settings = {"debug": False, "parallel_workers": 0, "host": "127.0.0.1"}
    settings |= {"http_port": http, "grpc_port": grpc, "metrics_port": metrics}
    chosen = {"name": MODEL, "implementation": "mlserver_runtime.Onnx"}
    directory = place / "mlserver"
    directory.mkdir(exist_ok=True)
    (directory / "settings.json").write_text(json.dumps(settings))
    (directory / "model-settings.json").write_text(json.dumps(chosen))
    command = [str(environments.python("mlserver")), "-m", "mlserver.cli.main", "start", "."]
    environment = {"MODEL": str(model / "model.onnx"), "PYTHONPATH": str(SERVERS)}
    # It does not read the bytes that follow a body's JSON.
    transports = ("json", "grpc")
    return Subject(
        "mlserver", "MLServer 1.7.1", command, environment, directory, transports=transports
    )


def kserve(model: Path, place: Path, http: int, grpc: int) -> Subject:
    """Return KServe's Python server with a model over onnxruntime, in one process.

    Several would get the model pickled, which a session cannot be.
    """
    command = [str(environments.python("kserve")), str(SERVERS / "kserve_server.py")]
    command += ["--http_port", str(http), "--grpc_port", str(grpc)]
    environment = {"MODEL": str(model / "model.onnx"), "NAME": MODEL}
    return Subject("kserve", "KServe 0.21.0", command, environment, place)


def by_hand(model: Path, http: int, workers: int = 1) -> Subject:
    """Return FastAPI with onnxruntime."""
    command = [str(environments.python("fastapi")), "-m", "uvicorn", "by_hand:app"]
    command += ["--host", "127.0.0.1", "--port", str(http), "--no-access-log"]
    command += ["--workers", str(workers)] if workers > 1 else []
    environment = {"MODEL": str(model / "model.onnx"), "PYTHONPATH": str(SERVERS)}
    title = "FastAPI by hand"
    return Subject("fastapi", title, command, environment, ready="/ready", transports=("json",))


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in sockets]


@contextlib.contextmanager
def running(subject: Subject, http_port: int, grpc_port: int, log: Path) -> Iterator[Running]:
    """Start a server on its core, wait until it answers, end it.

    Raises:
        RuntimeError: it ended, or never became ready.
    """
    command = ["taskset", "-c", subject.cores, *subject.command]
    environment = {**os.environ, "PYTHONPATH": "", **subject.environment}
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, cwd=subject.directory
        )
    try:
        while not _is_ready(http_port if subject.ready else grpc_port, subject.ready):
            if process.poll() is not None or time.perf_counter() - began > START_SECONDS:
                told = log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{subject.title} did not become ready:\n{told}")
            time.sleep(0.005)
        yield Running(process, http_port, grpc_port, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(port: int, path: str | None) -> bool:
    if path is None:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
