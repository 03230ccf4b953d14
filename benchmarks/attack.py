"""`make attack`: each attack beside an honest client, on this server and on others.

Honest is a client with a request each 100 ms and 2 s of patience. All of it is on loopback, and
bounded in time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx_models

from benchmarks import subjects
from benchmarks.attacks import INFER, OVER_GRPC, OVER_HTTP
from benchmarks.frontends import over_http
from benchmarks.subjects import ROOT, SERVERS, Running, Subject, running
from peers import environments

EACH_SECONDS, PATIENCE_SECONDS = 0.1, 2.0
MEMORY = 1 << 30
DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- begin: make attack -->", "<!-- end of attacks -->"


@dataclass
class Honest:
    """A client that asks now and then, and what became of it."""

    port: int
    path: str
    body: bytes
    patience: float = PATIENCE_SECONDS
    asked: int = 0
    answered: int = 0
    longest: float = 0.0

    def ask_until(self, ending: threading.Event) -> None:
        """Ask on one connection, anew where it is lost."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience)
        while not ending.is_set():
            began = time.monotonic()
            self.asked += 1
            try:
                connection.request("POST", self.path, self.body)
                answer = connection.getresponse()
                answer.read()
                self.answered += answer.status == 200
            except (OSError, http.client.HTTPException):
                connection.close()
            waited = time.monotonic() - began
            self.longest = max(self.longest, waited)
            ending.wait(max(0.0, EACH_SECONDS - waited))
        connection.close()


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
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        DOCUMENT.write_text("\n".join([f"{before}{BEGIN}", *lines, f"{END}{after}"]))


def _table(place: Path, seconds: float, only: set[str], others: bool) -> Iterator[str]:
    model, rows = onnx_models.boosted(place / "model")
    tensor = {"name": "input", "shape": [1, 30], "datatype": "FP32"}
    values = rows.to_numpy()[0].astype(float).tolist()
    body = json.dumps({"inputs": [{**tensor, "data": values}]}).encode()
    answer = place / "answer"
    answer.write_bytes(b"{}")
    http_port, grpc_port, metrics = subjects.free_ports(3)
    ours = subjects.ours(model, http_port, grpc_port, metrics)
    ours.command.extend(["--memory-bytes", str(MEMORY)])
    yield "| attack | server | honest requests answered | longest wait, s | CPU, s | peak, MiB |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for subject in (ours, *(_others(answer, http_port) if others else ())):
        attacks = [*OVER_HTTP, *OVER_GRPC] if subject is ours else list(OVER_HTTP)
        for name in attacks:
            if only and name not in only:
                continue
            with running(subject, http_port, grpc_port, place / "log") as server:
                pid = server.process.pid
                honest = Honest(http_port, INFER, body)
                port = grpc_port if name in OVER_GRPC else http_port
                found = attacked(name, port, honest, pid, server, seconds)
            told = f"{honest.answered} of {honest.asked}"
            end = "" if found.alive else ", and it ended"
            figures = f"{honest.longest:.2f} | {found.cpu:.1f} | {found.peak:.0f}{end} |"
            yield f"| {name.replace('_', ' ')} | {subject.title} | {told} | {figures}"


def _others(answer: Path, port: int) -> Sequence[Subject]:
    commands = over_http(port)
    environment = {"HANDLER": "empty", "ANSWER": str(answer), "PYTHONPATH": str(SERVERS)}
    return [
        Subject(
            "other",
            title,
            [str(environments.python("frontends")), *commands[title]],
            environment,
            ready="/",
        )
        for title in ("uvicorn, ASGI", "granian, RSGI, st")
    ]


if __name__ == "__main__":
    main()
