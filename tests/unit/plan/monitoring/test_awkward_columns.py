"""Columns that are hard to bin, from the trainer's profile over a pod's sketch to what is said."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perennial.api.monitor import MonitorSpec
from perennial.plan.monitoring.compared import features, settings
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.sketch import Sketch
from perennial_statistics.drift import DriftReport, judge_drift
from perennial_training.prove.profile import categorical_profile, numeric_profile

Draw = Callable[[np.random.Generator, int], Any]
NOW = 1_800_000_000
ROWS, LIVE = 20_000, 2_000
SPEC = MonitorSpec.model_validate(
    {"deploymentRef": {"name": "flights"}, "window": "1h", "interval": "5m"}
)


def flag(share: float) -> Draw:
    return lambda rng, n: (rng.random(n) < share).astype(float)


def amounts(zeros: float) -> Draw:
    return lambda rng, n: np.where(rng.random(n) < zeros, 0.0, rng.lognormal(1, 1.5, n))


def always(value: float) -> Draw:
    return lambda rng, n: np.full(n, value)


def beyond(share: float) -> Draw:
    return lambda rng, n: np.where(rng.random(n) < share, 50.0, rng.normal(0, 1, n))


def stars(weights: list[float]) -> Draw:
    return lambda rng, n: rng.choice(np.arange(1.0, 6), n, p=np.array(weights) / sum(weights))


def words(shares: Any, prefix: str = "town") -> Draw:
    p = np.asarray(shares, float) / np.sum(shares)
    return lambda rng, n: np.array([f"{prefix}-{k}" for k in rng.choice(len(p), n, p=p)], object)


def garbage(share: float, otherwise: Draw) -> Draw:
    def draw(rng: np.random.Generator, n: int) -> Any:
        noise = np.array([f"x{k}" for k in rng.integers(0, 10**9, n)], object)
        return np.where(rng.random(n) < share, noise, otherwise(rng, n))

    return draw


ZIPF = 1 / np.arange(1, 401) ** 1.1
RARER = np.concatenate([ZIPF[:20], ZIPF[20:] * 3])
CASES: dict[str, tuple[Draw, Draw, set[str]]] = {
    # What the reference is like, what becomes of it, and all that may be said of it.
    "a flag of 5 % is always set": (flag(0.05), always(1.0), {"drift", "Constant"}),
    "a flag of 0.2 % becomes one of 3 %": (flag(0.002), flag(0.03), {"drift"}),
    "zeros go": (amounts(0.92), amounts(0.0), {"drift"}),
    "zeros come": (amounts(0.3), amounts(0.6), {"drift"}),
    "another constant": (always(7.0), always(9.0), {"OutOfRange"}),
    "a constant that varies": (always(7.0), lambda rng, n: rng.normal(7, 1, n), {"OutOfRange"}),
    "a constant that is missing": (always(7.0), always(np.nan), {"drift", "Missing"}),
    "a number that is constant": (lambda rng, n: rng.normal(0, 1, n), always(0.1), {"Constant"}),
    "far beyond the range": (beyond(0.0), beyond(0.03), {"OutOfRange"}),
    "ties": (stars([1, 2, 4, 2, 1]), stars([2, 3, 4, 1, 1]), {"drift"}),
    "rare towns are asked for": (words(ZIPF), words(RARER), {"drift"}),
    "garbage beside a tail": (words(ZIPF), garbage(1.0, words(ZIPF)), {"drift"}),
    "garbage of a tenth": (words(ZIPF[:5]), garbage(0.1, words(ZIPF[:5])), {"UnseenCategory"}),
    "one town alone": (words([5, 3, 2]), words([0, 1]), {"drift", "Constant"}),
    "nearly one town": (words([999, 1]), words([97, 3]), {"drift"}),
}


def judged(reference: Draw, live: Draw, seed: int) -> DriftReport:
    rng = np.random.default_rng(seed)
    learned, came = reference(rng, ROWS), live(rng, LIVE)
    is_text = learned.dtype == object
    described: FeatureProfile = (categorical_profile if is_text else numeric_profile)("x", learned)
    sketch = Sketch(Profile(rows=ROWS, features=[described]))
    numbers = np.empty((LIVE, 0)) if is_text else came.reshape(-1, 1).astype(np.float32)
    sketch.observe(numbers, [came] if is_text else [], LIVE, NOW)
    _, columns, _ = sketch.between(NOW, NOW + 5, NOW + 5)
    tested = features([], list(zip([described], columns, strict=True)))
    return judge_drift(tested, settings(SPEC, 30 * 86_400.0), {})


def said(report: DriftReport) -> set[str]:
    return {b.check for b in report.breaches} | {"drift" for f in report.features if f.drifted}


@pytest.mark.parametrize("name", CASES)
def test_a_shift_is_seen(name: str) -> None:
    reference, live, told = CASES[name]
    for seed in range(3):
        assert said(judged(reference, live, seed)) >= told


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_said_without_one(name: str) -> None:
    reference, _, _ = CASES[name]
    for seed in range(3):
        assert not said(judged(reference, reference, 100 + seed))


def test_what_hardly_varied_may_be_constant_for_an_hour() -> None:
    """Two thousand rows of a flag of 0.1 %: in an eighth of all hours nobody has it."""
    reports = [judged(flag(0.001), always(0.0), seed) for seed in range(3)]
    assert not any(map(said, reports))
