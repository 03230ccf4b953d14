"""`make benchmark-serving`: this server beside its peers, an empty handler and a bare loop."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_models
import onnxruntime

from benchmarks import report, subjects
from benchmarks.cases import MANY, Case, ask, by_hand, cases, check
from benchmarks.load import (
    BOTH_CORES,
    LOAD_CORE,
    SERVER_CORE,
    Load,
    Overload,
    overload,
    run,
    send,
)
from benchmarks.report import OURS, Figures, Round
from benchmarks.subjects import Running, Subject, running
from localcluster import binaries, images
from peers import environments

# What is offered too much of, and to several workers: enough work that the generator has little.
HEAVY, WORKERS = f"json{MANY}", (1, 2)


def main() -> None:
    """Measure, print, and write the table into the documentation."""
    parser = argparse.ArgumentParser(prog="benchmark-serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each case in each round")
    parser.add_argument("--only", default="", help="names of servers, by commas")
    chosen = parser.parse_args()
    only = set(filter(None, chosen.only.split(",")))
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), chosen.seconds, only)
        rounds = []
        for n in range(chosen.rounds):
            print(f"round {n + 1} of {chosen.rounds}", file=sys.stderr, flush=True)
            rounds.append(bench.round())
    found = Figures(rounds, bench.titles, bench.cases, _image_mib())
    print(report.text(found))
    if not only:
        report.write(report.text(found), "make benchmark-serving")


class Bench:
    """One model, the requests for it, and the servers."""

    def __init__(self, place: Path, seconds: float, only: set[str]) -> None:
        self._place, self._seconds = place, seconds
        self._model, rows = onnx_models.boosted(place / "model")
        self.cases = cases(rows)
        values = rows.to_numpy(np.float32)[:MANY]
        np.save(place / "rows.npy", values)
        session = onnxruntime.InferenceSession(self._model / "model.onnx")
        names = [o.name for o in session.get_outputs()]
        self._right = dict(zip(names, session.run(names, {"input": values}), strict=True))
        self._answer = place / "json1.answer"
        self._http, self._grpc, metrics = subjects.free_ports(3)
        self._metrics, self._only = metrics, only
        self._subjects = [
            *self._models(1),
            subjects.empty(self._answer, self._http),
            subjects.mlserver(self._model, place, self._http, self._grpc, metrics),
            subjects.kserve(self._model, place, self._http, self._grpc),
        ]
        self._subjects = [s for s in self._subjects if self._is_chosen(s)]
        self.titles = {s.name: s.title for s in self._subjects}

    def _models(self, workers: int) -> list[Subject]:
        """Return the servers that may have several workers."""
        model, http, grpc = self._model, self._http, self._grpc
        return [
            subjects.ours(model, http, grpc, self._metrics, workers),
            subjects.by_hand(model, http, workers),
        ]

    def _is_chosen(self, subject: Subject) -> bool:
        return not self._only or subject.name in self._only | {OURS}

    def round(self) -> Round:
        """Measure everything once."""
        found = Round(self._bare())
        for subject in self._subjects:
            log = self._place / f"{subject.name}.log"
            with running(subject, self._http, self._grpc, log) as server:
                found.ready[subject.name] = server.ready_seconds
                for case in self.cases:
                    if subject.takes(case):
                        load = self._measure(subject, case, server)
                        found.loads[subject.name, case.name] = load
                found.resident[subject.name] = server.resident_mib()
                if subject.name != "empty":
                    found.overloads[subject.name] = self._overload(subject, server, found)
        for workers in WORKERS:
            for subject in filter(self._is_chosen, self._models(workers)):
                found.workers[subject.name, workers] = self._on_both_cores(subject)
        return found

    def _overload(self, subject: Subject, server: Running, found: Round) -> Overload:
        """Offer a server, which has done it, more of something than it can do."""
        (case,) = (c for c in self.cases if c.name == HEAVY)
        can = found.loads[subject.name, case.name].per_second
        sent = by_hand(case) if subject.name == "fastapi" else case
        return overload(sent, self._http, self._place, can, 2 * self._seconds)

    def _on_both_cores(self, subject: Subject) -> float:
        """Return the requests a second of a server that shares both cores with the generator."""
        (case,) = (c for c in self.cases if c.name == HEAVY)
        subject = replace(subject, cores=BOTH_CORES)
        log = self._place / f"{subject.name}.log"
        with running(subject, self._http, self._grpc, log) as server:
            return self._measure(subject, case, server, BOTH_CORES).per_second

    def _bare(self) -> Mapping[int, float]:
        """Return runs per second of onnxruntime alone, by rows."""
        program = subjects.SERVERS / "bare.py"
        python = str(environments.python(environments.OURS))
        command = ["taskset", "-c", SERVER_CORE, python, str(program)]
        command += [str(self._model / "model.onnx"), str(self._place / "rows.npy")]
        command.append(str(self._seconds))
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return {int(rows): rate for rows, rate in json.loads(done.stdout).items()}

    def _measure(
        self, subject: Subject, case: Case, server: Running, core: str = LOAD_CORE
    ) -> Load:
        """Ask a server once, compare its answer, then load it."""
        port = server.port(case)
        if subject.name == "empty":
            answer = self._answer.read_bytes()
        else:
            if subject.name == "fastapi":
                case = by_hand(case)
            results, answer = ask(case, port)
            check(case, results, self._right)
            if subject.name == OURS and case.name.startswith("json1"):
                self._answer.write_bytes(answer)
        send(case, port, len(answer), self._place)
        return run(case, port, server, self._place, self._seconds, core)


def _image_mib() -> float | None:
    """Return the size of the serving image, where it has been built."""
    (image,) = [i for i in images.wanted() if i.name == "serving"]
    archive = binaries.cache() / "images" / f"serving-{image.digest}.tar"
    return archive.stat().st_size / 2**20 if archive.exists() else None


if __name__ == "__main__":
    main()
