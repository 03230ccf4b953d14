"""Windows: what a serving pod counted between two moments. All live evidence is a function of them.

They are added up, over pods and over time. In JSON: ``docs/windows.md``.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from perennial_artifact.base import Document
from perennial_artifact.outcomes import Outcomes, add_outcomes
from perennial_artifact.pairs import Pairs, add_pairs
from perennial_artifact.usage import Usage, add_usage

FORMAT = 1
"""Raised only where an older reader would misread a window; what is merely new, it skips."""

Part = Literal["requests", "features", "predictions", "outcomes", "pairs", "usage"]
PARTS: tuple[Part, ...] = get_args(Part)
DEFAULT: tuple[Part, ...] = ("requests", "features", "predictions", "outcomes", "usage")
"""What is told where no part is named: pairs are kept for a short while only."""
_ALIKE: tuple[Part, ...] = ("requests", "features", "predictions")
"""What windows that are added up have all or none of them."""

Count = Annotated[int, Meta(ge=0, le=2**53)]
Second = Annotated[int, Meta(ge=0, le=2**53)]
"""Seconds since 1970."""


class Bucket(Struct, frozen=True, array_like=True):
    """Infer requests that were answered in ``[start, start + seconds)``: with 2xx (or 3xx), 4xx and
    5xx, and how many of all took up to each bound, the last longer than all bounds."""

    start: Second
    seconds: Annotated[int, Meta(ge=1, le=86_400)]
    answered: Count
    refused: Count
    failed: Count
    took: list[Count]

    @property
    def requests(self) -> int:
        """All requests that were answered, in whatever way."""
        return self.answered + self.refused + self.failed


class Requests(Document, forbid_unknown_fields=False, omit_defaults=False):
    """Requests by time; ``bounds`` are of latency, in seconds. A bucket without any is left out."""

    bounds: list[float]
    buckets: list[Bucket]

    def __post_init__(self) -> None:
        """Check that bounds and buckets fit.

        Raises:
            ValueError: they do not.
        """
        if any(not a < b for a, b in pairwise(self.bounds)):
            raise ValueError("the bounds must increase")
        cells = len(self.bounds) + 1
        if any(len(b.took) != cells for b in self.buckets):
            raise ValueError(f"{len(self.bounds)} bounds make {cells} counts of each bucket")

    def at(self, bounds: Sequence[float]) -> "Requests":
        """Return the same, counted at fewer bounds.

        Raises:
            ValueError: a bound is none of those that it was counted at.
        """
        if list(bounds) == self.bounds:
            return self
        known = {bound: n + 1 for n, bound in enumerate(self.bounds)}
        if missing := [b for b in bounds if b not in known]:
            raise ValueError(f"nothing was counted at {missing[0]:g} s")
        ends = [0, *(known[b] for b in bounds), len(self.bounds) + 1]
        cuts = [slice(a, b) for a, b in pairwise(ends)]
        buckets = [
            Bucket(
                b.start, b.seconds, b.answered, b.refused, b.failed, [sum(b.took[c]) for c in cuts]
            )
            for b in self.buckets
        ]
        return Requests(list(bounds), buckets)


class Column(Struct, frozen=True, array_like=True):
    """Values of one column of the profile, by its bins. ``other`` are unseen categories,
    ``out_of_range`` numbers beyond the reference's (which are in ``counts`` too)."""

    counts: list[Count]
    other: Count
    missing: Count
    out_of_range: Count
    constant: float | None = None
    """The number that all were; None where they were not one, or it is not known."""

    @property
    def present(self) -> int:
        """Values that are not missing."""
        return sum(self.counts) + self.other


class Window(Document, forbid_unknown_fields=False, omit_defaults=False, kw_only=True):
    """What was counted in ``[start, end)``, in seconds since 1970.

    Parts that were not asked for, or are not counted, are None. Features and predictions are
    columns in the order of the profile whose SHA-256 is ``profile``.
    """

    format: Annotated[int, Meta(ge=1, le=FORMAT)] = FORMAT
    model: str
    version: str
    since: float
    """From here on all was counted: the newest start of a process, or the oldest bucket kept."""
    clock: float
    """The pod's clock when it answered."""
    start: Second
    end: Second
    requests: Requests | None = None
    profile: str = ""
    rows: Count = 0
    features: list[Column] | None = None
    predictions: list[Column] | None = None
    outcomes: list[Outcomes] | None = None
    """By the version that predicted; its own, and all others of which something became known."""
    pairs: Pairs | None = None
    usage: Usage | None = None


def merge(windows: Iterable[Window]) -> Window:
    """Add up windows of several pods, or of several times that do not overlap.

    Requests are counted at the bounds that all have in common. Outcomes, pairs and usage are None
    where some window has none: what it did not count is not known, and no zero.

    Raises:
        ValueError: there is none, they hold other parts, or were counted on other profiles.
    """
    found = list(windows)
    if not found:
        raise ValueError("no window to merge")
    first = found[0]
    if any(_parts(w) != _parts(first) for w in found):
        raise ValueError("windows hold different parts")
    if any(w.profile != first.profile for w in found):
        raise ValueError("windows were counted on different profiles")
    requests = [w.requests for w in found if w.requests is not None]
    return first.replace(
        since=max(w.since for w in found),
        clock=min(w.clock for w in found),
        start=min(w.start for w in found),
        end=max(w.end for w in found),
        requests=add_requests(requests) if requests else None,
        rows=sum(w.rows for w in found),
        features=_columns([w.features for w in found if w.features is not None]),
        predictions=_columns([w.predictions for w in found if w.predictions is not None]),
        outcomes=_outcomes(found),
        pairs=_pairs(found),
        usage=_usage(found),
    )


def _outcomes(found: Sequence[Window]) -> list[Outcomes] | None:
    told = [w.outcomes for w in found if w.outcomes is not None]
    return add_outcomes(told) if len(told) == len(found) else None


def _pairs(found: Sequence[Window]) -> Pairs | None:
    told = [w.pairs for w in found if w.pairs is not None]
    return add_pairs(told) if len(told) == len(found) else None


def _usage(found: Sequence[Window]) -> Usage | None:
    told = [w.usage for w in found if w.usage is not None]
    return add_usage(told) if len(told) == len(found) else None


def add_requests(requests: Iterable[Requests]) -> Requests:
    """Add up requests, at the bounds that all of them were counted at."""
    found = list(requests)
    bounds = common_bounds(found)
    sums: dict[tuple[int, int], Bucket] = {}
    for b in (bucket for each in found for bucket in each.at(bounds).buckets):
        old = sums.get((b.start, b.seconds))
        sums[(b.start, b.seconds)] = b if old is None else _sum(old, b)
    return Requests(bounds, [sums[key] for key in sorted(sums)])


def common_bounds(requests: Iterable[Requests]) -> list[float]:
    """Return the bounds of latency that all of them were counted at, increasing."""
    found = [set(r.bounds) for r in requests]
    return sorted(set.intersection(*found)) if found else []


def _parts(window: Window) -> tuple[bool, ...]:
    return tuple(getattr(window, part) is not None for part in _ALIKE)


def _sum(a: Bucket, b: Bucket) -> Bucket:
    return Bucket(
        a.start,
        a.seconds,
        a.answered + b.answered,
        a.refused + b.refused,
        a.failed + b.failed,
        _added((a.took, b.took)),
    )


def _columns(found: Sequence[list[Column]]) -> list[Column] | None:
    if not found:
        return None
    try:
        return [
            Column(
                _added([c.counts for c in column]),
                sum(c.other for c in column),
                sum(c.missing for c in column),
                sum(c.out_of_range for c in column),
                _constant(column),
            )
            for column in zip(*found, strict=True)
        ]
    except ValueError as error:
        raise ValueError("windows disagree about the bins of a profile") from error


def _constant(column: Sequence[Column]) -> float | None:
    """Return the number that all values were, wherever there were any."""
    found = {c.constant for c in column if c.present}
    return found.pop() if len(found) == 1 else None


def _added(rows: Sequence[Sequence[int]]) -> list[int]:
    return [sum(cell) for cell in zip(*rows, strict=True)]
