"""`make attack`: each attack beside an honest client, on this server and on others.

Honest is a client with a request each 100 ms and 2 s of patience. All of it is on loopback, and
bounded in time.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import grpc
import onnx_models

from benchmarks import report, subjects
from benchmarks.attacks import INFER, OVER_GRPC, OVER_HTTP
from benchmarks.cases import RPC, cases
from benchmarks.frontends import over_grpc, over_http
from benchmarks.subjects import ROOT, SERVERS, Running, Subject, running
from peers import environments

EACH_SECONDS, PATIENCE_SECONDS = 0.1, 2.0
MEMORY = 1 << 30


@dataclass
class Honest:
    """A client that asks now and then over HTTP, and what became of it."""

    port: int
    body: bytes
    patience: float = PATIENCE_SECONDS
    asked: int = 0
    answered: int = 0
    longest: float = 0.0

    def ask_until(self, ending: threading.Event) -> None:
        """Ask on one connection, anew where it is lost."""
        while not ending.is_set():
            began = time.monotonic()
            self.asked += 1
            self.answered += self.ask()
            waited = time.monotonic() - began
            self.longest = max(self.longest, waited)
            ending.wait(max(0.0, EACH_SECONDS - waited))
        self.close()

    @cached_property
    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience)

    def ask(self) -> bool:
        """Ask once; return whether it was answered."""
        try:
            self._connection.request("POST", INFER, self.body)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False
        return answer.status == 200

    def close(self) -> None:
        """Go away."""
        self._connection.close()


class HonestCall(Honest):
    """The same over gRPC."""

    @cached_property
    def _channel(self) -> grpc.Channel:
        return grpc.insecure_channel(f"127.0.0.1:{self.port}")

    def ask(self) -> bool:
        """Call once; return whether it was answered."""
        try:
            self._channel.unary_unary(RPC)(self.body, timeout=self.patience)
        except grpc.RpcError:
            return False
        return True

    def close(self) -> None:
        """Go away."""
        self._channel.close()


@dataclass(frozen=True)
class Outcome:
    """What one attack came to; seconds and MiB."""

    honest: Honest
    cpu: float
    peak: float
    alive: bool


def attacked(
    name: str, port: int, honest: Honest, pid: int, cpu: Running | None, seconds: float
) -> Outcome:
    """Attack a port for some seconds while an honest client asks."""
    ending = threading.Event()
    asking = threading.Thread(target=honest.ask_until, args=(ending,))
    used = cpu.cpu_seconds() if cpu else 0.0
    asking.start()
    command = [sys.executable, "-m", "benchmarks.attacks", name, str(port), str(seconds)]
    attacker = subprocess.Popen(command, cwd=ROOT)
    highest = 0.0
    try:
        deadline = time.monotonic() + seconds + 30
        while attacker.poll() is None and time.monotonic() < deadline:
            highest = max(highest, _resident(pid))
            time.sleep(0.05)
    finally:
        attacker.kill()
        attacker.wait()
        ending.set()
        asking.join()
    alive = Path(f"/proc/{pid}/statm").exists()
    return Outcome(honest, (cpu.cpu_seconds() - used) if cpu and alive else 0.0, highest, alive)


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20
    except (OSError, IndexError):
        return 0.0


def main() -> None:
    """Attack, print, and write the table into the documentation."""
    parser = argparse.ArgumentParser(prog="attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each attack")
    parser.add_argument("--only", default="", help="names of attacks, by commas")
    parser.add_argument("--others", type=int, default=1, help="attack other servers too: 1 or 0")
    chosen = parser.parse_args()
    only = set(filter(None, chosen.only.split(",")))
    with tempfile.TemporaryDirectory() as directory:
        lines = list(_table(Path(directory), chosen.seconds, only, bool(chosen.others)))
    print("\n".join(lines))
    if not only:
        report.write("\n".join(lines), "make attack")


def _table(place: Path, seconds: float, only: set[str], others: bool) -> Iterator[str]:
    model, rows = onnx_models.boosted(place / "model")
    bodies = {case.name: case.body for case in cases(rows)}
    answer = place / "answer"
    answer.write_bytes(b"{}")
    http_port, grpc_port, metrics = subjects.free_ports(3)
    ours = subjects.ours(model, http_port, grpc_port, metrics)
    ours.command.extend(["--memory-bytes", str(MEMORY)])
    yield "| attack | server | honest requests answered | longest wait, s | CPU, s | peak, MiB |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    tried = [(ours, [*OVER_HTTP, *OVER_GRPC])]
    if others:
        tried += [(other, list(OVER_HTTP)) for other in _over_http(answer, http_port)]
        tried.append((_over_grpc(answer, grpc_port), list(OVER_GRPC)))
    for subject, attacks in tried:
        for name in attacks:
            if only and name not in only:
                continue
            with running(subject, http_port, grpc_port, place / "log") as server:
                pid = server.process.pid
                honest = Honest(http_port, bodies["json1"])
                if name in OVER_GRPC:
                    honest = HonestCall(grpc_port, bodies["grpc1"])
                found = attacked(name, honest.port, honest, pid, server, seconds)
            told = f"{honest.answered} of {honest.asked}"
            end = "" if found.alive else ", and it ended"
            figures = f"{honest.longest:.2f} | {found.cpu:.1f} | {found.peak:.0f}{end} |"
            yield f"| {name.replace('_', ' ')} | {subject.title} | {told} | {figures}"


def _over_http(answer: Path, port: int) -> Sequence[Subject]:
    commands = over_http(port)
    titles = ("uvicorn, ASGI", "granian, RSGI, st")
    return [_empty(title, commands[title], answer, "/") for title in titles]


def _over_grpc(answer: Path, port: int) -> Subject:
    title = "grpc.aio on uvloop"
    return _empty(title, over_grpc(port)[title], answer, None)


def _empty(title: str, command: Sequence[str], answer: Path, ready: str | None) -> Subject:
    """Return a server whose handler reads the body and answers with a file."""
    paths = os.pathsep.join(map(str, (SERVERS, ROOT / "serving", ROOT / "artifact")))
    environment = {"HANDLER": "empty", "ANSWER": str(answer), "PYTHONPATH": paths}
    whole = [str(environments.python("frontends")), *command]
    return Subject("other", title, whole, environment, ready=ready)


if __name__ == "__main__":
    main()
