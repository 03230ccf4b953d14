"""`make benchmark-http`: HTTP servers, gRPC servers, JSON codecs and the cost of a thread hop.

Each server runs an empty handler and the least that inference takes, on a core of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

import numpy as np
import onnx_models
import onnxruntime

from benchmarks import report
from benchmarks.cases import MANY, Case, ask, cases, check
from benchmarks.load import Load, run, send
from benchmarks.subjects import ROOT, SERVERS, Subject, free_ports, running
from peers import environments

GRANIAN = ["-m", "granian", "--host", "127.0.0.1", "--workers", "1", "--loop", "uvloop"]
GRANIAN += ["--http", "1", "--no-ws", "--log-level", "error", "--runtime-threads", "1"]


def over_http(port: int) -> dict[str, list[str]]:
    """Return the commands of the HTTP servers by title."""
    granian = [*GRANIAN, "--port", str(port)]
    return {
        "uvicorn, ASGI": [str(SERVERS / "on_uvicorn.py"), str(port)],
        **{
            f"granian, {kind.upper()}, {mode}": [
                *(*granian, "--interface", kind, "--runtime-mode", mode, f"applications:{kind}")
            ]
            for kind in ("asgi", "rsgi")
            for mode in ("st", "mt")
        },
        "ours, HTTP/1.1": [str(SERVERS / "on_protocol.py"), str(port)],
    }


def over_grpc(port: int) -> dict[str, list[str]]:
    """Return the commands of the gRPC servers by title."""
    return {
        "grpc.aio on uvloop": [str(SERVERS / "on_grpc.py"), str(port), "0", "uvloop"],
        "grpc.aio on asyncio": [str(SERVERS / "on_grpc.py"), str(port), "0", "asyncio"],
        "grpc, 1 thread": [str(SERVERS / "on_grpc.py"), str(port), "1"],
        "grpc, 4 threads": [str(SERVERS / "on_grpc.py"), str(port), "4"],
        "asyncio.Protocol on h2": [str(SERVERS / "on_h2.py"), str(port)],
        "ours, HTTP/2": [str(SERVERS / "on_frames.py"), str(port)],
    }


class Bench:
    """One model, its requests, and what was measured: (title, handler, case) -> figures."""

    def __init__(self, place: Path, seconds: float) -> None:
        self._place, self._seconds = place, seconds
        model, rows = onnx_models.boosted(place / "model")
        self._model = model / "model.onnx"
        self.cases = {c.name: c for c in cases(rows)}
        session = onnxruntime.InferenceSession(self._model)
        names = [o.name for o in session.get_outputs()]
        feeds = {"input": rows.to_numpy(np.float32)[:MANY]}
        self._right = dict(zip(names, session.run(names, feeds), strict=True))
        self.http, self.grpc = free_ports(2)
        self.found: dict[tuple[str, str, str], list[Load]] = defaultdict(list)

    def measure(
        self, title: str, command: list[str], handler: str, names: list[str], hop: bool = False
    ) -> None:
        """Load one server with some cases."""
        chosen = [self.cases[n] for n in names]
        paths = [SERVERS, ROOT / "serving"]
        environment = {
            **{"HANDLER": handler, "MODEL": str(self._model), "ANSWER": self._answer(chosen[0])},
            **{"HOP": "1" if hop else "", "PYTHONPATH": os.pathsep.join(map(str, paths))},
        }
        command = [str(environments.python("frontends")), *command]
        ready = None if chosen[0].is_grpc else "/"
        subject = Subject("candidate", title, command, environment, self._place, ready)
        label = f"{title}, a thread's hop" if hop else title
        print(f"  {label}, {handler}", file=sys.stderr, flush=True)
        with running(subject, self.http, self.grpc, self._place / "log") as server:
            for case in chosen:
                port = server.port(case)
                results, answer = ask(case, port)
                check(case, results, {n: v for n, v in self._right.items() if handler != "empty"})
                send(case, port, len(answer), self._place)
                load = run(case, port, server, self._place, self._seconds)
                self.found[label, handler, case.name].append(load)

    def codecs(self) -> str:
        """Return what the candidates' environment says that its JSON codecs take."""
        names = "json1", f"json{MANY}"
        files = [self._place / f"{name}.body" for name in names]
        for name, file in zip(names, files, strict=True):
            file.write_bytes(self.cases[name].body)
        program = Path(__file__).with_name("codecs.py")
        command = [environments.python("frontends"), program, *files]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _answer(self, case: Case) -> str:
        """Return a file that holds as much as a real answer of one row."""
        path = self._place / f"{case.name}.answer"
        if not path.exists():
            empty = b'{"outputs":[]}'
            path.write_bytes(b"" if case.is_grpc else empty)
        return str(path)

    def table(self) -> str:
        """Return what was measured, in Markdown."""
        lines = ["| server | handler | request | requests/s | CPU µs/request | p99 ms |"]
        lines.append("| --- | --- | --- | ---: | ---: | ---: |")
        for (title, handler, case), loads in self.found.items():
            rate, cpu = median(x.per_second for x in loads), median(x.cpu for x in loads)
            p99 = median(x.p99 for x in loads)
            lines.append(
                f"| {title} | {handler} | {self.cases[case].title} | {rate:,.0f} | {cpu:.0f} | "
                f"{p99:.2f} |"
            )
        return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the tables into the documentation."""
    parser = argparse.ArgumentParser(prog="benchmark-http", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each case in each round")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), chosen.seconds)
        codecs = bench.codecs()
        for n in range(chosen.rounds):
            print(f"round {n + 1} of {chosen.rounds}", file=sys.stderr, flush=True)
            for title, command in over_http(bench.http).items():
                bench.measure(title, command, "empty", ["json1"])
                bench.measure(title, command, "infer", ["json1", f"json{MANY}"])
                if title == "uvicorn, ASGI":
                    bench.measure(title, command, "infer", ["json1", f"json{MANY}"], hop=True)
            for title, command in over_grpc(bench.grpc).items():
                bench.measure(title, command, "empty", ["grpc1"])
                bench.measure(title, command, "infer", ["grpc1", f"grpc{MANY}"])
    tables = f"{bench.table()}\n\n{codecs.rstrip()}"
    print(tables)
    report.write(tables, "make benchmark-http")


if __name__ == "__main__":
    main()
