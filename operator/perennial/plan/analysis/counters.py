"""What pods count since they started, and what an arm counted between two looks."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perennial.api.deployment import PodCounts

PODS_ASKED = 64
"""Pods of an arm that are asked; of a larger one these speak for the others."""
REQUESTS, ERRORS, REFUSALS, TIMED = range(4)
OWN = 4
"""Counters of a pod before those of latency."""
SHORT_NAME = 10


@dataclass(frozen=True)
class PodMetrics:
    """One pod's counters since it started: requests, 5xx and 4xx answers, latency buckets
    (cumulative, by upper bound in seconds, +Inf included)."""

    pod: str
    revision: str
    requests: float
    errors: float
    buckets: Mapping[float, float]
    refusals: float = 0
    start: float = 0
    """Seconds since 1970; 0 where it is not told."""


@dataclass(frozen=True)
class Answers:
    """What the ready pods of both arms answered."""

    asked: Mapping[str, tuple[str, ...]]
    """Names of the ready pods that were asked, by revision."""
    pods: tuple[PodMetrics, ...]

    def of(self, revision: str) -> list[PodMetrics]:
        """Return what a revision's pods counted."""
        return [p for p in self.pods if p.revision == revision]

    def silent(self, revision: str) -> list[str]:
        """Return the ready pods of a revision that did not answer."""
        heard = {p.pod for p in self.pods}
        return [name for name in self.asked.get(revision, ()) if name not in heard]


@dataclass(frozen=True)
class Counts:
    """What an arm counted: requests, 5xx and 4xx answers, and latency."""

    requests: float = 0
    errors: float = 0
    refusals: float = 0
    timed: float = 0
    """Answers whose time was counted."""
    within: tuple[float, ...] = ()
    """Of these, how many took at most each of the bounds."""

    def by_bucket(self) -> list[float]:
        """Return timed answers by bucket, the last one beyond all bounds."""
        ends = [*self.within, self.timed]
        return [max(0.0, b - a) for a, b in zip([0.0, *ends[:-1]], ends, strict=True)]


def short(pod: str) -> str:
    """Return a pod's name as the status has it."""
    return hashlib.sha256(pod.encode()).hexdigest()[:SHORT_NAME]


def chosen(pods: Sequence[str]) -> list[str]:
    """Return the pods of an arm that are asked: the same ones while they live."""
    return sorted(pods, key=short)[:PODS_ASKED]


def common_bounds(pods: Sequence[PodMetrics]) -> list[float]:
    """Return the finite bounds of latency that all pods count at, increasing."""
    found = [set(p.buckets) for p in pods if p.buckets]
    return sorted(b for b in set.intersection(*found) if math.isfinite(b)) if found else []


def recorded(pods: Sequence[PodMetrics], bounds: Sequence[float]) -> list[PodCounts]:
    """Return counters as the status keeps them."""
    found = [PodCounts(pod=short(p.pod), start=p.start, counts=_row(p, bounds)) for p in pods]
    return sorted(found, key=lambda p: p.pod)


def since(
    pods: Sequence[PodMetrics], before: Sequence[PodCounts], bounds: Sequence[float]
) -> Counts:
    """Return what was counted since a record, by the pods that are in it.

    A pod has restarted where its start has changed or any counter fell: then it counts from zero.
    """
    known = {p.pod: p for p in before}
    rows = []
    for pod in pods:
        old = known.get(short(pod.pod))
        if old is None or len(old.counts) != OWN + len(bounds):
            continue
        new = _row(pod, bounds)
        fell = any(a < b for a, b in zip(new, old.counts, strict=True))
        if fell or pod.start != old.start:
            rows.append(new)
        else:
            rows.append([a - b for a, b in zip(new, old.counts, strict=True)])
    return _summed(rows, len(bounds))


def since_start(pods: Sequence[PodMetrics], bounds: Sequence[float]) -> Counts:
    """Return all that pods counted since they started."""
    return _summed([_row(p, bounds) for p in pods], len(bounds))


def _row(pod: PodMetrics, bounds: Sequence[float]) -> list[float]:
    # A pod that counts at other bounds cannot be compared: none of its answers is timed.
    timed = pod.buckets.get(math.inf, 0.0) if all(b in pod.buckets for b in bounds) else 0.0
    times = [min(timed, pod.buckets.get(b, 0.0)) for b in bounds]
    errors = min(pod.errors, pod.requests)
    return [pod.requests, errors, min(pod.refusals, pod.requests - errors), timed, *times]


def _summed(rows: Sequence[Sequence[float]], bounds: int) -> Counts:
    total = [float(sum(column)) for column in zip(*rows, strict=True)] or [0.0] * (OWN + bounds)
    return Counts(
        requests=total[REQUESTS],
        errors=min(total[ERRORS], total[REQUESTS]),
        refusals=min(total[REFUSALS], total[REQUESTS]),
        timed=total[TIMED],
        within=tuple(total[OWN:]),
    )
