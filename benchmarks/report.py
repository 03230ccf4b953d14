"""What the rounds say: medians, ratios beside their aims, a table in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.cases import MANY, Case
from benchmarks.load import CONNECTIONS, Load

OURS = "perennial"
PEERS = ("mlserver", "kserve")
BEGIN, END = "<!-- begin: make benchmark-serving -->", "<!-- end -->"

At = tuple[str, str]
"""A subject and a case."""


@dataclass
class Round:
    """One round: by subject, or by subject and case."""

    bare: Mapping[int, float]
    loads: dict[At, Load] = field(default_factory=dict)
    cpu: dict[At, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    resident: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """Everything that was measured."""

    rounds: Sequence[Round]
    titles: Mapping[str, str]
    cases: Sequence[Case]
    image_mib: float | None

    def middle(self, get: Callable[[Round], float]) -> float:
        """Return the median over the rounds; of a ratio it is taken within each round."""
        return median(get(r) for r in self.rounds)


@dataclass(frozen=True)
class Aim:
    """A ratio or a figure, and what it should be."""

    text: str
    get: Callable[[Round], float]
    limit: float
    is_minimum: bool
    unit: str = "×"


def _aims(figures: Figures) -> Iterator[Aim]:
    def rate(subject: str, case: str) -> Callable[[Round], float]:
        return lambda r: r.loads[OURS, case].per_second / r.loads[subject, case].per_second

    for case, times in (("json1", 12), (f"json{MANY}", 6), ("grpc1", 5), (f"grpc{MANY}", 5)):
        for peer in PEERS:
            title = next(c.title for c in figures.cases if c.name == case)
            yield Aim(f"{title}: requests per second, {peer} = 1", rate(peer, case), times, True)
    for peer in PEERS:
        yield Aim(
            f"REST JSON, 1 row: p99, {peer} = 1",
            lambda r, peer=peer: r.loads[OURS, "json1"].p99 / r.loads[peer, "json1"].p99,
            0.1,
            False,
        )
    yield Aim(
        "REST JSON, 1 row: requests per second, empty handler = 1",
        rate("empty", "json1"),
        0.65,
        True,
    )
    yield Aim(
        f"REST binary, {MANY} rows: rows per second, bare loop = 1",
        lambda r: r.loads[OURS, f"binary{MANY}"].per_second / r.bare[MANY],
        0.5,
        True,
    )
    for peer in PEERS:
        yield Aim(
            f"resident memory, {peer} = 1",
            lambda r, peer=peer: r.resident[OURS] / r.resident[peer],
            0.5,
            False,
        )
    yield Aim("from process start to ready", lambda r: r.ready[OURS], 0.5, False, " s")


def text(figures: Figures) -> str:
    """Return the tables in Markdown."""
    return "\n".join([*_by_case(figures), *_by_process(figures), *_by_aim(figures)])


def write(figures: Figures, document: Path) -> None:
    """Put the tables between the marks of a document."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n{text(figures)}\n{END}{after}")


def _by_case(figures: Figures) -> Iterator[str]:
    yield "| case | server | requests/s | CPU µs/request | p50 ms | p99 ms |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for case in figures.cases:
        bare = figures.middle(lambda r, rows=case.rows: r.bare[rows])
        yield f"| {case.title} | onnxruntime in a loop | {bare:,.0f} | {1e6 / bare:.0f} | | |"
        for name, title in figures.titles.items():
            at = name, case.name
            if at not in figures.rounds[0].loads:
                continue
            rate = figures.middle(lambda r, at=at: r.loads[at].per_second)
            cpu = figures.middle(lambda r, at=at: r.cpu[at]) * 1e6
            p50 = figures.middle(lambda r, at=at: r.loads[at].p50)
            p99 = figures.middle(lambda r, at=at: r.loads[at].p99)
            yield f"| {case.title} | {title} | {rate:,.0f} | {cpu:.0f} | {p50:.2f} | {p99:.2f} |"


def _by_process(figures: Figures) -> Iterator[str]:
    yield ""
    yield "| server | resident MiB under load | ready after s |"
    yield "| --- | ---: | ---: |"
    for name, title in figures.titles.items():
        resident = figures.middle(lambda r, name=name: r.resident[name])
        ready = figures.middle(lambda r, name=name: r.ready[name])
        yield f"| {title} | {resident:.0f} | {ready:.2f} |"
    busiest = max(load.generator for r in figures.rounds for load in r.loads.values())
    yield ""
    yield (
        f"{CONNECTIONS} connections; medians of {len(figures.rounds)} rounds; the load generator "
        f"was busy for at most {busiest:.0%} of its core."
    )


def _by_aim(figures: Figures) -> Iterator[str]:
    yield ""
    yield "| against the aims | measured | lowest to highest | aim | |"
    yield "| --- | ---: | ---: | ---: | --- |"
    for aim in _aims(figures):
        try:
            values = sorted(aim.get(r) for r in figures.rounds)
        except KeyError:  # not among the chosen servers
            continue
        found = median(values)
        met = found >= aim.limit if aim.is_minimum else found <= aim.limit
        sign, unit = "≥" if aim.is_minimum else "≤", aim.unit
        span = f"{values[0]:.2f} to {values[-1]:.2f}"
        word = "met" if met else "not met"
        yield f"| {aim.text} | {found:.2f}{unit} | {span} | {sign} {aim.limit:g}{unit} | {word} |"
    if figures.image_mib is not None:
        met = figures.image_mib <= 350
        word = "met" if met else "not met"
        yield f"| image | {figures.image_mib:.0f} MiB | | ≤ 350 MiB | {word} |"
