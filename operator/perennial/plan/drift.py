"""Scores of drift on counts over a profile's bins."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perennial.api.monitor import DriftTest, FeatureScore
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.window import FeatureWindow, Window

PSEUDO_COUNT = 0.5


def psi(reference: Sequence[float], current: Sequence[float]) -> float:
    """Return the population stability index: the sum of (q - p) ln(q / p) over the bins.

    It is the symmetric Kullback-Leibler divergence (Jeffreys); customary limits are 0.1 and 0.2
    (Siddiqi, Credit Risk Scorecards, 2006). Half a count in each bin keeps empty bins finite.
    """
    p, q = _shares(reference), _shares(current)
    return sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts) + PSEUDO_COUNT * len(counts)
    return [(n + PSEUDO_COUNT) / total for n in counts]


def kolmogorov_smirnov(reference: Sequence[float], current: Sequence[float]) -> float:
    """Return the largest distance between the two distribution functions at the bins' edges.

    A lower bound of the two-sample statistic on the raw values (Smirnov 1948).
    """
    total_p, total_q = sum(reference), sum(current)
    if not total_p or not total_q:
        return 0.0
    p = q = worst = 0.0
    for a, b in zip(reference, current, strict=True):
        p, q = p + a / total_p, q + b / total_q
        worst = max(worst, abs(p - q))
    return worst


METHODS: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {
    "PSI": psi,
    "KolmogorovSmirnov": kolmogorov_smirnov,
}


@dataclass(frozen=True)
class Compared:
    """A feature's reference beside what was counted live."""

    profile: FeatureProfile
    window: FeatureWindow


def pair(profile: Profile, window: Window) -> list[Compared]:
    """Return features and predictions beside their references."""
    live = {w.name: w for w in (*window.features, *window.predictions)}
    known = (*profile.features, *profile.predictions)
    return [Compared(p, live[p.name]) for p in known if p.name in live]


def scores(tests: Sequence[DriftTest], compared: Sequence[Compared]) -> list[FeatureScore]:
    """Return every feature's score in every test, the worst for its threshold first."""
    found = []
    for test in tests:
        for c in compared:
            if test.features and c.profile.name not in test.features:
                continue
            reference, current = list(c.profile.counts), list(c.window.counts)
            if c.profile.kind == "Categorical":
                if test.method == "KolmogorovSmirnov":
                    continue  # categories have no order
                reference, current = [*reference, c.profile.other], [*current, c.window.other]
            score = METHODS[test.method](reference, current)
            found.append(
                FeatureScore(
                    feature=c.profile.name,
                    test=test.name,
                    method=test.method,
                    score=round(score, 4),
                    threshold=test.threshold,
                )
            )
    return sorted(found, key=lambda f: (-f.score / f.threshold, f.feature, f.test))
