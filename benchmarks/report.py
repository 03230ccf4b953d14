"""What the rounds say: medians, ratios beside their aims, a table in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.cases import MANY, Case
from benchmarks.load import CONNECTIONS, CROWD, TIMES, Load, Overload

OURS = "perennial"
PEERS = ("mlserver", "kserve")
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"

At = tuple[str, str]
"""A subject and a case."""


@dataclass
class Round:
    """One round: by subject, or by subject and case."""

    bare: Mapping[int, float]
    loads: dict[At, Load] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    resident: dict[str, float] = field(default_factory=dict)
    overloads: dict[str, Overload] = field(default_factory=dict)
    workers: dict[tuple[str, int], float] = field(default_factory=dict)
    """Requests a second by subject and count of workers."""


@dataclass(frozen=True)
class Figures:
    """Everything that was measured."""

    rounds: Sequence[Round]
    titles: Mapping[str, str]
    cases: Sequence[Case]
    image_mib: float | None


@dataclass(frozen=True)
class Aim:
    """A ratio or a figure in each round, and what its median should be."""

    text: str
    values: list[float]
    limit: float
    is_minimum: bool
    unit: str = "×"

    @property
    def row(self) -> str:
        """Return a row of the table."""
        found = median(self.values)
        met = found >= self.limit if self.is_minimum else found <= self.limit
        sign, unit = "≥" if self.is_minimum else "≤", self.unit
        span = f"{min(self.values):.2f} to {max(self.values):.2f}"
        aim = f"{sign} {self.limit:g}{unit} | {'met' if met else 'not met'}"
        return f"| {self.text} | {found:.2f}{unit} | {span} | {aim} |"


def _aims(figures: Figures) -> Iterator[Aim]:
    rounds, measured = figures.rounds, figures.titles
    peers = [name for name in PEERS if name in measured]
    titles = {c.name: c.title for c in figures.cases}
    for case, times in (
        ("json1new", 15),
        ("json1", 12),
        (f"json{MANY}", 6),
        ("grpc1", 5),
        (f"grpc{MANY}", 5),
    ):
        for peer in peers:
            rates = [_rate(r, OURS, case) / _rate(r, peer, case) for r in rounds]
            of = f"{titles[case]}: requests/s over those of {measured[peer]}"
            yield Aim(of, rates, times, True)
    for peer in peers:
        for case in ("json1new", "json1"):
            slow = [r.loads[OURS, case].p99 / r.loads[peer, case].p99 for r in rounds]
            yield Aim(f"{titles[case]}: p99 over that of {measured[peer]}", slow, 0.1, False)
    if "empty" in measured:
        rates = [_rate(r, OURS, "json1") / _rate(r, "empty", "json1") for r in rounds]
        yield Aim(f"{titles['json1']}: requests/s over the empty handler's", rates, 0.65, True)
    case = f"binary{MANY}"
    rates = [_rate(r, OURS, case) / r.bare[MANY] for r in rounds]
    yield Aim(f"{titles[case]}: rows/s over the bare loop's", rates, 0.5, True)
    for peer in peers:
        sizes = [r.resident[OURS] / r.resident[peer] for r in rounds]
        yield Aim(f"resident memory over that of {measured[peer]}", sizes, 0.5, False)
    yield Aim("from process start to ready", [r.ready[OURS] for r in rounds], 0.5, False, " s")
    if figures.image_mib is not None:
        yield Aim("image", [figures.image_mib], 350, False, " MiB")


def _rate(found: Round, subject: str, case: str) -> float:
    return found.loads[subject, case].per_second


def text(figures: Figures) -> str:
    """Return the tables in Markdown."""
    parts = _by_case, _by_process, _by_aim, _by_overload, _by_workers
    return "\n".join(line for part in parts for line in part(figures))


def write(tables: str, command: str) -> None:
    """Put tables where the documentation has marks for those of a command."""
    begin, end = f"<!-- begin: {command} -->", f"<!-- end: {command} -->"
    before, _, rest = DOCUMENT.read_text().partition(begin)
    _, _, after = rest.partition(end)
    DOCUMENT.write_text(f"{before}{begin}\n{tables}\n{end}{after}")


def _by_case(figures: Figures) -> Iterator[str]:
    rounds = figures.rounds
    yield "| request | server | requests/s | CPU µs/request | p50 ms | p99 ms |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for case in figures.cases:
        bare = median(r.bare[case.rows] for r in rounds)
        yield f"| {case.title} | onnxruntime in a loop | {bare:,.0f} | {1e6 / bare:.0f} | | |"
        for name, title in figures.titles.items():
            at = name, case.name
            if at not in rounds[0].loads:
                continue
            rate = median(r.loads[at].per_second for r in rounds)
            cpu = median(r.loads[at].cpu for r in rounds)
            p50 = median(r.loads[at].p50 for r in rounds)
            p99 = median(r.loads[at].p99 for r in rounds)
            yield f"| {case.title} | {title} | {rate:,.0f} | {cpu:.0f} | {p50:.2f} | {p99:.2f} |"


def _by_process(figures: Figures) -> Iterator[str]:
    rounds = figures.rounds
    yield ""
    yield "| server | resident under load, MiB | from process start to ready, s |"
    yield "| --- | ---: | ---: |"
    for name, title in figures.titles.items():
        resident = median(r.resident[name] for r in rounds)
        ready = median(r.ready[name] for r in rounds)
        yield f"| {title} | {resident:.0f} | {ready:.2f} |"
    loads = [load for r in rounds for load in r.loads.values()]
    yield ""
    yield (
        f"{CONNECTIONS} connections; medians of {len(rounds)} rounds; the load generator was busy "
        f"for at most {max(load.generator for load in loads):.0%} of its core, and others for "
        f"at most {max(load.foreign for load in loads):.0%} of the machine, usually "
        f"{median(load.foreign for load in loads):.0%}."
    )


def _by_aim(figures: Figures) -> Iterator[str]:
    yield ""
    yield "| against the aims | measured | lowest to highest | aim | |"
    yield "| --- | ---: | ---: | ---: | --- |"
    yield from (aim.row for aim in _aims(figures))


def _by_overload(figures: Figures) -> Iterator[str]:
    yield ""
    yield (
        f"REST JSON, {MANY} rows, {TIMES} times as many as a server did above, from {CROWD:,} "
        "connections that do not wait for one another:"
    )
    yield ""
    yield (
        "| server | offered, requests/s | served, requests/s | refused with 503 | "
        "p99 of what was served, ms | lost |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for name in figures.rounds[0].overloads:
        found = [r.overloads[name] for r in figures.rounds]
        offered, served = median(o.offered for o in found), median(o.served for o in found)
        refused, p99 = median(o.refused for o in found), median(o.p99 for o in found)
        yield (
            f"| {figures.titles[name]} | {offered:,.0f} | {served:,.0f} | {refused:.0%} | "
            f"{p99:,.0f} | {sum(o.lost for o in found)} |"
        )


def _by_workers(figures: Figures) -> Iterator[str]:
    yield ""
    yield (
        f"REST JSON, {MANY} rows, on both cores, which the load generator shares (MLServer's "
        "workers do not start with its uvloop, nor KServe's with an onnxruntime session):"
    )
    yield ""
    yield "| server | one process, requests/s | two workers, requests/s | ratio |"
    yield "| --- | ---: | ---: | ---: |"
    names = dict.fromkeys(name for name, _ in figures.rounds[0].workers)
    for name in names:
        one, two = (median(r.workers[name, n] for r in figures.rounds) for n in (1, 2))
        yield f"| {figures.titles[name]} | {one:,.0f} | {two:,.0f} | {two / one:.2f}× |"
