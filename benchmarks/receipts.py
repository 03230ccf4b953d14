"""`make benchmark-receipts`: the CPU time of a request with receipts, over that of one without.

Three servers stand side by side on one core: without, with, and again without, which tells what
two equal servers differ by. Each round starts them anew, since where a process has its memory, and
how its dictionaries fall, costs or saves it a per cent or two for as long as it lives.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import onnx_models

from benchmarks import report, subjects
from benchmarks.cases import Case, ask, cases
from benchmarks.load import send
from benchmarks.paired import CERTAINTY, Ratio, ratio, turns
from benchmarks.subjects import Running, Subject, running

AIM = 1.05
WITHOUT, WITH, AGAIN = "without", "with", "without again"
ROUNDS, BLOCKS = 20, 2
# A turn of a tenth of a second or two.
REQUESTS = {1: 2_000, 32: 600}
COMMAND = "make benchmark-receipts"


def main() -> None:
    """Measure, print, and write the table into the documentation."""
    parser = argparse.ArgumentParser(prog="benchmark-receipts", description=__doc__)
    told = "fewer than %(default)s are printed only"
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=told)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        for n in range(chosen.rounds):
            print(f"round {n + 1} of {chosen.rounds}", file=sys.stderr, flush=True)
            bench.round()
    print(bench.table())
    if chosen.rounds >= ROUNDS:
        report.write(bench.table(), COMMAND)


class Bench:
    """One model, the requests for it, and what was measured in each round."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._model, rows = onnx_models.boosted(place / "model")
        self._cases = [case for case in cases(rows) if not case.is_new]
        self._order = random.Random(0)
        self._ratios: dict[tuple[str, str], list[float]] = {}
        self._microseconds: dict[str, list[float]] = {}

    def round(self) -> None:
        """Start the servers, and compare them on each case."""
        with contextlib.ExitStack() as started:
            servers = {}
            for name in self._order.sample((WITHOUT, WITH, AGAIN), 3):
                subject, http, grpc = self._subject(name)
                log = self._place / f"{name}.log"
                servers[name] = started.enter_context(running(subject, http, grpc, log))
            for case in self._cases:
                self._compare(case, servers)

    def _subject(self, name: str) -> tuple[Subject, int, int]:
        http, grpc, metrics = subjects.free_ports(3)
        subject = subjects.ours(self._model, http, grpc, metrics)
        if name == WITH:
            subject = subjects.with_receipts(subject, self._place)
        return subject, http, grpc

    def _compare(self, case: Case, servers: dict[str, Running]) -> None:
        costs = {name: self._turn(case, servers[name]) for name in (WITHOUT, WITH, AGAIN)}
        for cost in costs.values():
            cost()  # warms it up
        for name, found in turns(costs, BLOCKS, self._order).items():
            self._ratios.setdefault((case.name, name), []).append(found)

    def _turn(self, case: Case, server: Running) -> Callable[[], float]:
        _, answer = ask(case, server.port(case))
        return partial(self._cost, case, server, len(answer))

    def _cost(self, case: Case, server: Running, answer_bytes: int) -> float:
        """Return the CPU microseconds of a request, in a turn of many."""
        count, before = REQUESTS[case.rows], server.cpu_seconds()
        send(case, server.port(case), answer_bytes, self._place, count)
        found = (server.cpu_seconds() - before) / count * 1e6
        self._microseconds.setdefault(case.name, []).append(found)
        return found

    def table(self) -> str:
        """Return what was measured, in Markdown."""
        rounds = max(map(len, self._ratios.values()))
        lines = [
            "| request | CPU µs/request | with receipts over without | "
            "without over without again | aim | |",
            "| --- | ---: | ---: | ---: | ---: | --- |",
        ]
        for case in self._cases:
            found = ratio(self._ratios[case.name, WITH])
            same = ratio(self._ratios[case.name, AGAIN])
            cost = median(self._microseconds[case.name])
            lines.append(
                f"| {case.title} | {cost:.0f} | {_said(found)} | {_said(same)} | ≤ {AIM}× | "
                f"{found.within(AIM)} |"
            )
        lines += ["", f"Medians of {rounds} rounds, with intervals of {CERTAINTY:.0%}."]
        return "\n".join(lines)


def _said(found: Ratio) -> str:
    return f"{found.median:.3f}× ({found.low:.3f} to {found.high:.3f})"


if __name__ == "__main__":
    main()
