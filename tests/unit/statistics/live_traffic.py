"""Simulated traffic of many features, and the drift rule as a monitor slides it over that.

Rows are counted by slices of time, a 24th of a window each, and looked at every two of them, with
both spans, with what is usual by the day, and with slices where something alarms: the order of
``plan/monitoring``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perennial_statistics.drift import (
    NEWEST_SLICES,
    SLICES,
    Counts,
    Feature,
    Settings,
    Usual,
    judge_drift,
    learned,
)
from perennial_statistics.usual_drift import DAY

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]

WINDOW = 3_600.0
SLICE = WINDOW / SLICES
EACH = 2
"""Slices from one look to the next: five minutes."""
A_DAY = round(DAY / SLICE)
"""Slices."""
LIKENESS = 0.8
"""Correlation of the rows of a session."""
SHARES: dict[str, list[float]] = {
    "zeros": [0.6, 0.2, 0.1, 0.05, 0.025, 0.025],
    "kinds": [0.4, 0.25, 0.2, 0.1, 0.05],
    "flag": [0.97, 0.03],
}
"""Of what is no number: 60 % zeros, five categories, a rare flag."""


@dataclass(frozen=True)
class Traffic:
    """How rows come. Means are in standard deviations of a feature."""

    features: int = 30
    rows_an_hour: float = 2_000
    reference_rows: int = 20_000
    session: int = 1
    """Rows of a session, which are alike and come at once."""
    wander: tuple[float, float] = (0.0, 0.0)
    """A mean that wanders (Ornstein and Uhlenbeck): its deviation, and its memory in seconds."""
    cycle: float = 0.0
    """A mean that goes with the hour of the day, each feature's at another: its amplitude."""
    slope: float = 0.0
    """By how much the first feature's mean rises a day."""
    shift: float = 0.0
    """By how much it is higher from ``shifted_from`` on."""
    shifted_from: int = 0
    """A slice."""
    by_hour: bool = False
    """Rows that were learned from are known by the hour of the day, and so compared with."""
    blind: bool = False
    """The same is asked for, and no hours are known of those rows."""
    hours_late: float = 0.0
    """By how much later than it happened each live row is asked about."""

    def kinds(self) -> list[str]:
        """Return what the features are: 60 % numbers, 20 % mostly zero, the others categories."""
        at = [n / self.features for n in range(self.features)]
        return [
            "number" if x < 0.6 else "zeros" if x < 0.8 else "kinds" if x < 0.95 else "flag"
            for x in at
        ]

    def phases(self, rng: np.random.Generator) -> Floats:
        """Return at which part of its cycle each feature is when the day begins."""
        return rng.random(self.features) if self.cycle else np.zeros(self.features)

    def means(self, rng: np.random.Generator, slices: int, phases: Floats) -> Floats:
        """Return the mean of each feature in each slice."""
        times = np.arange(slices)
        found = np.zeros((slices, self.features))
        late = self.hours_late * SLICES / A_DAY
        found += self.cycle * np.sin(2 * np.pi * (times[:, None] / A_DAY - late + phases))
        deviation, memory = self.wander
        if deviation:
            stays = math.exp(-SLICE / memory)
            noise = rng.normal(0, deviation, found.shape)
            noise[1:] *= math.sqrt(1 - stays * stays)
            for n in range(1, slices):
                noise[n] += stays * noise[n - 1]
            found += noise
        found[:, 0] += self.slope * times / A_DAY + self.shift * (times >= self.shifted_from)
        return found

    def reference(self, rng: np.random.Generator, phase: float) -> tuple[Floats, Whole]:
        """Return the values of the rows learned from, which came at all times, and their hours."""
        found, days = rng.standard_normal(self.reference_rows), np.zeros(self.reference_rows)
        if self.cycle or self.by_hour:
            days = rng.random(self.reference_rows)
            found += self.cycle * np.sin(2 * np.pi * (days + phase))
        return found + rng.normal(0, self.wander[0], self.reference_rows), (days * 24).astype(int)


@dataclass(frozen=True)
class Stream:
    """Counts by cell: of the reference, and of live rows in each slice."""

    kinds: Sequence[str]
    references: Sequence[Whole]
    """K counts of each feature."""
    counts: Sequence[Whole]
    """Slices by K counts of each feature."""
    hours: Sequence[Whole] = ()
    """24 by K counts of each feature's reference, where these are compared with."""
    blind: bool = False

    def reference(self, n: int, at: int) -> Whole:
        """Return what a window of a feature that ends with a slice is compared with."""
        if not self.hours:
            return self.references[n]
        hours = {(first // SLICES + near) % 24 for first in (at - SLICES, at - 1)
                 for near in (-1, 0, 1)}  # fmt: skip
        return self.hours[n][sorted(hours)].sum(axis=0)

    @property
    def slices(self) -> int:
        """How many there are."""
        return len(self.counts[0])


def stream(traffic: Traffic, slices: int, rng: np.random.Generator) -> Stream:
    """Return a stream of so many slices."""
    phases = traffic.phases(rng)
    means = traffic.means(rng, slices, phases)
    kinds = traffic.kinds()
    references, counts, by_hour = [], [], []
    for n, kind in enumerate(kinds):
        values, of_day = traffic.reference(rng, phases[n])
        edges = _edges(kind, values)
        references.append(np.bincount(np.searchsorted(edges, values, "right"),
                                      minlength=len(edges) + 1))  # fmt: skip
        counts.append(_counted(traffic, edges, means[:, n], rng))
        if traffic.by_hour:
            cell = np.searchsorted(edges, values, "right")
            cells = len(edges) + 1
            hours = np.bincount(of_day * cells + cell, minlength=24 * cells).reshape(24, cells)
            by_hour.append(hours)
    return Stream(kinds, references, counts, by_hour, traffic.blind)


def _edges(kind: str, values: Floats) -> Floats:
    if kind == "number":
        return np.asarray(np.quantile(values, np.arange(1, 10) / 10))
    shares = np.cumsum(SHARES[kind])[:-1]
    return np.array([NormalDist().inv_cdf(float(p)) for p in shares])


def _counted(traffic: Traffic, edges: Floats, means: Floats, rng: np.random.Generator) -> Whole:
    """Return slices by K counts; rows are normal around the mean of their slice."""
    sessions = rng.poisson(traffic.rows_an_hour / SLICES / traffic.session, len(means))
    rows, cells = sessions * traffic.session, len(edges) + 1
    of_session = np.repeat(rng.standard_normal(sessions.sum()), traffic.session)
    alike = math.sqrt(LIKENESS) if traffic.session > 1 else 0.0
    values = alike * of_session + math.sqrt(1 - alike**2) * rng.standard_normal(rows.sum())
    at = np.repeat(np.arange(len(means)), rows)
    found = np.searchsorted(edges, values + means[at], "right")
    return np.bincount(at * cells + found, minlength=len(means) * cells).reshape(-1, cells)


@dataclass
class Watched:
    """What a monitor did."""

    looks: int = 0
    asked: int = 0
    """Looks at which slices were asked for."""
    alarms: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    """The slice at which a look ended, and the features that drifted; the first one is 0."""

    def windows(self, begin: int, end: int) -> int:
        """Return in how many windows of ``[begin, end)``, in slices, any look alarmed."""
        return len({at // SLICES for at, _ in self.alarms if begin <= at < end})

    def first(self, name: str, since: int) -> float:
        """Return the minutes from a slice to the first alarm of a feature; infinity for none."""
        found = (at for at, names in self.alarms if at > since and name in names)
        return (next(found, math.inf) - since) * SLICE / 60


def watch(
    live: Stream,
    begin: int = 0,
    usual: Usual | None = None,
    watched: float = 0.0,
    ends_with: str | None = None,
) -> Watched:
    """Look at a stream as a monitor does.

    Args:
        live: what came.
        begin: slice before which there is no look.
        usual: what is usual at first.
        watched: seconds since the reference is compared with, at the first slice.
        ends_with: feature whose alarm ends the watch.
    """
    sums = [np.vstack([np.zeros(c.shape[1], np.int64), c.cumsum(axis=0)]) for c in live.counts]
    known: Usual = dict(usual or {})
    found, day = Watched(), math.floor((watched + begin * SLICE) / DAY)
    for at in range(max(SLICES, begin), live.slices + 1, EACH):
        seconds = watched + at * SLICE
        days = math.floor(seconds / DAY) - day
        if days:
            known, day = {k: u.days_later(days) for k, u in known.items()}, day + days
        settings = Settings(window=WINDOW, interval=EACH * SLICE, watched=seconds)
        features = [
            Feature(
                str(n),
                kind in ("number", "zeros"),
                _counts(live.reference(n, at)),
                _counts(total[at] - total[at - SLICES]),
                _counts(total[at] - total[at - NEWEST_SLICES]),
                any_hour=live.blind,
            )
            for n, (kind, total) in enumerate(zip(live.kinds, sums, strict=True))
        ]
        report = judge_drift(features, settings, known)
        found.looks += 1
        if report.alarming:
            found.asked += 1
            told = [_with_slices(f, live, at) if f.name in report.alarming else f for f in features]
            report = judge_drift(told, settings, known)
        known = {**known, **learned(report, known)}
        if report.drifted:
            found.alarms.append((at, report.drifted))
            if ends_with in report.drifted:
                break
    return found


def _with_slices(feature: Feature, live: Stream, at: int) -> Feature:
    slices = tuple(_counts(row) for row in live.counts[int(feature.name)][at - SLICES : at])
    return replace(feature, slices=slices)


def _counts(row: Whole) -> Counts:
    return Counts(tuple(row.tolist()))


QUIET: Mapping[str, Traffic] = {
    "independent rows": Traffic(),
    "sessions of 5 rows": Traffic(session=5),
    "sessions of 20 rows": Traffic(session=20),
    "means wander by 0.1 sd within 12 min": Traffic(wander=(0.1, 720)),
    "means wander by 0.2 sd within 2 h": Traffic(wander=(0.2, 7_200)),
    "daily cycle of 0.2 sd": Traffic(cycle=0.2),
    "daily cycle of 0.4 sd": Traffic(cycle=0.4),
    "the same, beside the same hours": Traffic(cycle=0.4, by_hour=True),
    "the same, asked for and not known": Traffic(cycle=0.4, blind=True),
}
"""Traffic that is as it always was."""
