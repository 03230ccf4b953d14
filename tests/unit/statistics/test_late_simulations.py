"""Many simulated rollouts, judged by labels and rewards: no more false alarms than promised.

In shapes that come of lateness: shares that differ by age, lumps of labels at night, rewards that
are nearly always 0, levels that step as the weight does, batches of alike predictions.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from perennial_statistics.against_stable import AgainstStable, StablePast
from perennial_statistics.equal_age import NOTHING, AtEqualAge
from perennial_statistics.means import MeanDifference, Moments, chance_of, half_width
from perennial_statistics.one_mean import OneMean
from perennial_statistics.proportions import Counted
from perennial_statistics.shift import Shift
from perennial_statistics.verdict import Verdict

ALPHA = 0.05
"""Ten times a usual metric's, so that a hundred runs can tell."""
AGES = (0.5, 0.2, 0.05, 0.02, 0.01)
"""Shares of wrong labels by class of age: what is reported at once is mostly what went wrong."""
Rng = np.random.Generator


def no_oftener(times: int, runs: int, alpha: float) -> None:
    """Assert that so many of some runs are plausible where each has a chance of alpha."""
    tail = sum(
        math.comb(runs, k) * alpha**k * (1 - alpha) ** (runs - k) for k in range(times, runs + 1)
    )
    assert tail > 0.01, f"{times} of {runs} runs"


def judged(
    runs: int, looks: int, run: Callable[[Rng], Callable[[int], Verdict]], seed: int = 0
) -> tuple[int, int]:
    """Return how many runs ever failed, and how many ever were called successful."""
    failed = passed = 0
    for n in range(runs):
        look = run(np.random.default_rng([seed, n]))
        outcomes = {look(i).outcome for i in range(looks)}
        failed += "Failed" in outcomes
        passed += "Successful" in outcomes
    return failed, passed


def by_age(rng: Rng, n: Sequence[float], shares: Sequence[float]) -> list[Counted]:
    counts = rng.poisson(n)
    return [
        Counted(float(k), (float(rng.binomial(k, p)),)) for k, p in zip(counts, shares, strict=True)
    ]


def labels(worse: float, margin: float = 0.01) -> Callable[[Rng], Callable[[int], Verdict]]:
    """The canary's labels are younger than stable's, and its weight steps as all shares do."""

    def run(rng: Rng) -> Callable[[int], Verdict]:
        test = AtEqualAge.begin(by_age(rng, (40, 40, 40, 40, 40), AGES))

        def look(i: int) -> Verdict:
            nonlocal test
            weight, level = (0.1, 1.0) if i < 60 else (0.5, 1.8)
            shares = [level * p for p in AGES]
            old = 1 if i < 10 else 2 if i < 60 else 4
            ours = [n * weight for n in (9, 4, 3, 2, 1)]
            canary = by_age(rng, ours, [min(1.0, p + worse) for p in shares])
            canary = [c if a < old else NOTHING for a, c in enumerate(canary)]
            theirs = [n * (1 - weight) for n in (3, 3, 4, 5, 5)]
            lump = 20 if i % 40 == 39 else 1  # each so many looks labels come in a lump
            stable = by_age(rng, [lump * n for n in theirs], shares)
            test = test.after(canary, stable, margin)
            return test.verdict("were wrong", margin, ALPHA)

        return look

    return run


def test_labels_of_the_same_age_fail_a_null_canary_no_oftener_than_alpha() -> None:
    failed, _ = judged(60, 120, labels(0.0))
    no_oftener(failed, 60, ALPHA)


def test_pooled_over_ages_each_of_them_would_fail() -> None:
    """What the classes of age are for: the same labels, all ages together."""
    totals = np.zeros(4)
    rng = np.random.default_rng(3)
    for _ in range(120):
        canary, stable = by_age(rng, (9, 4, 0, 0, 0), AGES), by_age(rng, (3, 3, 4, 5, 5), AGES)
        totals += [sum(c.requests for c in canary), sum(c.events[0] for c in canary),
                   sum(c.requests for c in stable), sum(c.events[0] for c in stable)]  # fmt: skip
    assert totals[1] / totals[0] > 2 * totals[3] / totals[2]


def test_a_canary_at_the_margin_is_called_successful_no_oftener_than_promised() -> None:
    _, passed = judged(60, 120, labels(0.05, margin=0.05), seed=1)
    no_oftener(passed, 60, 0.05)


def test_labels_that_are_worse_at_any_age_are_found() -> None:
    failed, _ = judged(20, 120, labels(0.15), seed=2)
    assert failed >= 18


def moments(values: np.ndarray) -> Moments:
    return Moments(float(len(values)), float(values.sum()), float((values**2).sum()))


REWARDS: dict[str, Callable[[Rng, int], np.ndarray]] = {
    "nearly always 0": lambda rng, n: (rng.random(n) < 0.03) * rng.exponential(10, n),
    "capped and skewed": lambda rng, n: np.minimum(rng.lognormal(0, 1, n), 20),
    "wins and losses": lambda rng, n: rng.choice([-1.0, 2.0], n, p=[0.7, 0.3]),
}


def rewards(
    kind: str, less: float, margin: float = 0.0
) -> Callable[[Rng], Callable[[int], Verdict]]:
    """Rewards whose level steps as the weight does; ``less`` is taken off the canary's."""

    def run(rng: Rng) -> Callable[[int], Verdict]:
        test = MeanDifference()

        def look(i: int) -> Verdict:
            nonlocal test
            n, m, level = (10, 90, 0.0) if i < 60 else (50, 50, 1.0)
            arms = [
                level - off + REWARDS[kind](rng, int(rng.poisson(k)) + 1)
                for k, off in ((n, less), (m, 0.0))
            ]
            test = test.after(moments(arms[0]), moments(arms[1]), planned=2_000)
            return test.verdict(margin, ALPHA, higher_is_better=True)

        return look

    return run


@pytest.mark.parametrize("kind", REWARDS)
def test_rewards_fail_a_null_canary_no_oftener_than_alpha(kind: str) -> None:
    failed, _ = judged(100, 150, rewards(kind, 0.0))
    no_oftener(failed, 100, ALPHA)


@pytest.mark.parametrize("kind", REWARDS)
def test_rewards_at_the_margin_pass_no_oftener_than_promised(kind: str) -> None:
    _, passed = judged(100, 150, rewards(kind, 0.2, margin=0.2), seed=1)
    no_oftener(passed, 100, 0.05)


@pytest.mark.parametrize("kind", REWARDS)
def test_a_mean_at_its_limit_is_judged_no_oftener_than_promised(kind: str) -> None:
    truth = {"nearly always 0": 0.3, "wins and losses": -0.1}.get(kind)
    if truth is None:
        truth = float(REWARDS[kind](np.random.default_rng(9), 2_000_000).mean())

    def run(rng: Rng) -> Callable[[int], Verdict]:
        test = OneMean()

        def look(i: int) -> Verdict:
            nonlocal test
            test = test.after(moments(REWARDS[kind](rng, 40)), planned=2_000)
            return test.verdict(truth, ALPHA, higher_is_better=True)

        return look

    failed, passed = judged(100, 150, run)
    no_oftener(failed, 100, ALPHA)
    no_oftener(passed, 100, 0.05)


def shift(apart: float, batch: int) -> Callable[[Rng], Callable[[int], Verdict]]:
    """Two shares of predictions that come in batches of alike ones; the first is ``apart``."""

    def arm(rng: Rng, rows: int, off: float) -> Counted:
        first = rng.binomial(rows // batch, 0.3 + off) * batch
        second = rng.binomial(rows // batch, 0.6) * batch
        return Counted(float(rows), (float(first), float(second)))

    def run(rng: Rng) -> Callable[[int], Verdict]:
        test = Shift.begin(2)
        for _ in range(40):  # stable alone
            test = test.after(Counted(0.0, (0.0, 0.0)), arm(rng, 80, 0), 2_000)

        def look(i: int) -> Verdict:
            nonlocal test
            test = test.after(arm(rng, 40, apart), arm(rng, 80, 0), 2_000)
            return test.verdict(["are a", "are b"], 0.1, ALPHA)

        return look

    return run


@pytest.mark.parametrize("batch", [1, 20])
def test_predictions_as_far_apart_as_they_may_be_are_judged_no_oftener_than_promised(
    batch: int,
) -> None:
    failed, passed = judged(100, 120, shift(0.1, batch))
    no_oftener(failed, 100, ALPHA)
    no_oftener(passed, 100, 0.05)


@pytest.mark.parametrize(("apart", "failed", "passed"), [(0.0, 0, 20), (0.25, 20, 0)])
def test_predictions_that_are_alike_pass_and_those_far_apart_fail(
    apart: float, failed: int, passed: int
) -> None:
    assert judged(20, 120, shift(apart, 1), seed=4) == (failed, passed)


@pytest.mark.parametrize("alpha", [0.2, 0.01, 1e-6])
def test_the_chance_of_a_difference_is_the_alpha_at_which_it_is_certain(alpha: float) -> None:
    variance, tau = 0.003, 0.02
    width = half_width(variance, tau, alpha, sides=1)
    assert chance_of(width, variance, tau) == pytest.approx(alpha, rel=1e-9)
    assert chance_of(-width, variance, tau) == 1 and chance_of(1.0, 0.0, tau) == 0


def test_the_interval_that_is_shown_holds_at_all_looks_together() -> None:
    """While the weight steps and the common share with it: pooled, it would not hold once."""
    missed = 0
    for n in range(60):
        rng, test = np.random.default_rng([6, n]), AgainstStable.begin(StablePast.none())
        outside = False
        for i in range(150):
            share, (a, b) = (0.05, (10, 90)) if i < 75 else (0.2, (50, 50))
            ours = Counted(float(a), (float(rng.binomial(a, share + 0.02)),))
            theirs = Counted(float(b), (float(rng.binomial(b, share)),))
            test = test.after(ours, theirs, [0.01])
            found = test.verdict(["failed"], [0.01], ALPHA)
            if found.low is not None and found.high is not None:
                outside |= not found.low <= 0.02 <= found.high
        missed += outside
    no_oftener(missed, 60, 0.05)


def test_a_restart_changes_no_number() -> None:
    rng = np.random.default_rng(5)
    age, one, apart = AtEqualAge.begin([NOTHING] * 5), OneMean(), Shift.begin(2)
    for _ in range(50):
        age = age.after(by_age(rng, (3,) * 5, AGES), by_age(rng, (9,) * 5, AGES), 0.01)
        one = one.after(moments(rng.random(9)), 500)
        arms = [Counted(40.0, tuple(float(x) for x in rng.binomial(40, (0.3, 0.6)))) for _ in "ab"]
        apart = apart.after(arms[0], arms[1], 500)
    told = age.to_json()
    assert AtEqualAge.from_json(told["canary"], told["stable"], 5) == age
    assert OneMean.from_list(one.to_list()) == one
    told = apart.to_json()
    assert Shift.from_json(told["canary"], told["stable"], 2) == apart
    assert len(told["canary"]) <= 48 and len(told["stable"]) <= 32
    for spoiled in ([], [1.0], [float("nan")] * 8):
        with pytest.raises(ValueError, match=r"carried on|finite"):
            OneMean.from_list(spoiled)
