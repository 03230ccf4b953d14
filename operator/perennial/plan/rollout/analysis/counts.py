"""What the pods of each arm answered, by time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perennial_artifact.windows import Bucket, Requests, Window, add_requests, common_bounds


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


class Arm:
    """What the pods of one revision counted."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def total(self, end: int, bounds: Sequence[float]) -> Counts:
        """Return all that is known of the time before ``end``."""
        return _counts([b for b in self._requests.buckets if b.start < end], self._times(bounds))

    def steps(self, start: int, end: int, step: int, bounds: Sequence[float]) -> dict[int, Counts]:
        """Return what was counted in each ``[t, t + step)`` from ``start`` to ``end``, by t.

        Those without a request are left out. A bucket belongs to the step that it begins in.
        """
        groups: dict[int, list[Bucket]] = {}
        for b in self._requests.buckets:
            if start <= b.start < end:
                groups.setdefault(b.start - (b.start - start) % step, []).append(b)
        times = self._times(bounds)
        return {t: _counts(groups[t], times) for t in sorted(groups)}

    def _times(self, bounds: Sequence[float]) -> list[int] | None:
        """Return how many buckets of latency are within each bound, None where one is unknown."""
        known = {bound: n + 1 for n, bound in enumerate(self._requests.bounds)}
        return [known[b] for b in bounds] if all(b in known for b in bounds) else None


def arms(*windows: Iterable[Window]) -> tuple[list[float], list[Arm]]:
    """Return the bounds of latency that all pods count at, in seconds, and each arm at these."""
    counted = [[w.requests for w in of if w.requests is not None] for of in windows]
    bounds = common_bounds(r for of in counted for r in of)
    return bounds, [Arm(add_requests(r.at(bounds) for r in of)) for of in counted]


def added(a: Counts, b: Counts) -> Counts:
    """Return the sum of what was counted at two times."""
    if not a.requests:
        return b
    if not b.requests:
        return a
    within = tuple(x + y for x, y in zip(a.within, b.within, strict=True))
    return Counts(
        a.requests + b.requests,
        a.errors + b.errors,
        a.refusals + b.refusals,
        a.timed + b.timed,
        within,
    )


def _counts(buckets: Sequence[Bucket], times: Sequence[int] | None) -> Counts:
    cells = [float(sum(column)) for column in zip(*(b.took for b in buckets), strict=True)]
    return Counts(
        requests=float(sum(b.requests for b in buckets)),
        errors=float(sum(b.failed for b in buckets)),
        refusals=float(sum(b.refused for b in buckets)),
        timed=sum(cells) if times is not None else 0.0,
        within=tuple(sum(cells[:n]) for n in times) if times is not None else (),
    )
