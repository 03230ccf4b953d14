"""Several arms: against least squares written out, tables of right values, and what must hold."""

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effort import tried
from perennial_statistics.bandit import next_shares, stratified_difference, whole_shares
from perennial_statistics.best_arm import leader, planned_variance, probabilities_best
from perennial_statistics.means import Moments
from perennial_statistics.stratified_means import Effects, StratifiedMeans
from unit.statistics.golden_tables import cases, tolerance

Case = dict[str, Any]


def moments(values: Any) -> Moments:
    return Moments(len(values), float(np.sum(values)), float(np.sum(np.square(values))))


def after(strata: list[list[Moments]]) -> StratifiedMeans:
    known = StratifiedMeans.none(len(strata[0]))
    for stratum in strata:
        known = known.after(stratum)
    return known


def counted(rows: float, rewarded: float) -> Moments:
    return Moments(rows, rewarded, rewarded)


def drawn(seed: int, strata: int, arms: int) -> list[list[Any]]:
    source = np.random.default_rng(seed)
    return [
        [source.normal(5 * k + 0.5 * a, 1 + a, source.integers(2, 9)) for a in range(arms)]
        for k in range(strata)
    ]


@pytest.mark.parametrize("case", cases("bandit", "stratified"))
def test_of_two_arms_it_is_the_stratified_difference(case: Case) -> None:
    strata = [[counted(m, y), counted(n, x)] for n, x, m, y in case["batches"]]
    effects = after(strata).effects()
    assert effects is not None
    difference, variance = effects.between(1, 0)
    assert difference == pytest.approx(case["difference"], abs=tolerance("bandit"))
    # There the arms' variances are pooled, here each arm has its own.
    assert variance == pytest.approx(case["variance"], rel=0.05)
    assert stratified_difference(case["batches"])[0] == pytest.approx(difference)


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_effects_are_those_of_least_squares_with_a_column_for_each_stratum(arms: int) -> None:
    strata = drawn(arms, 6, arms)
    known = after([[moments(v) for v in stratum] for stratum in strata])
    effects = known.effects()
    assert effects is not None
    rows, values, which = [], [], []
    for k, stratum in enumerate(strata):
        for a, arm in enumerate(stratum):
            for value in arm:
                rows.append(
                    [float(i == k) for i in range(6)] + [float(a == b) for b in range(1, arms)]
                )
                values.append(value)
                which.append(a)
    x = np.array(rows)
    inverse = np.linalg.inv(x.T @ x)
    found = inverse @ x.T @ np.array(values)
    assert effects.differences[1:] == pytest.approx(found[6:])
    noise = np.diag([known.variances[a] for a in which])
    covariance = inverse @ x.T @ noise @ x @ inverse
    assert np.array(effects.covariance)[1:, 1:] == pytest.approx(covariance[6:, 6:])
    again = StratifiedMeans.from_list(known.to_list(), arms)
    assert again == known
    assert effects.only((1, 0)).between(1, 0) == pytest.approx(effects.between(1, 0))


def test_what_cannot_be_compared_says_nothing() -> None:
    one = StratifiedMeans.none(3).after([counted(9, 3), counted(0, 0), counted(0, 0)])
    assert one == StratifiedMeans.none(3) and one.effects() is None
    apart = after(
        [
            [counted(9, 3), counted(9, 3), counted(0, 0), counted(0, 0)],
            [counted(0, 0), counted(0, 0), counted(9, 3), counted(9, 3)],
        ]
    )
    assert apart.effects() is None
    with pytest.raises(ValueError, match="belong"):
        StratifiedMeans.from_list([1.0], 2)


def test_a_level_that_moves_with_the_shares_is_no_difference() -> None:
    strata = [[counted(900, 90), counted(100, 10)], [counted(100, 50), counted(900, 450)]]
    effects = after(strata).effects()
    assert effects is not None
    assert effects.between(1, 0)[0] == pytest.approx(0)
    pooled = (450 + 10) / 1000 - (90 + 50) / 1000
    assert pooled == pytest.approx(0.32)


def test_what_fades_says_the_same_with_less_certainty() -> None:
    known = after([[moments(v) for v in stratum] for stratum in drawn(1, 40, 3)])
    before, later = known.effects(), known.fading(0.25).effects()
    assert before is not None and later is not None
    assert later.differences == pytest.approx(before.differences)
    assert later.between(1, 0)[1] == pytest.approx(4 * before.between(1, 0)[1], rel=0.05)


def test_equal_arms_are_equally_likely_the_best() -> None:
    effects = Effects(
        (0, 1, 2), (0.0, 0.0, 0.0), ((0.0, 0.0, 0.0), (0.0, 2.0, 1.0), (0.0, 1.0, 2.0))
    )
    source = random.Random("uid")
    draws = [(source.gauss(0, 1), source.gauss(0, 1)) for _ in range(10_000)]
    found = probabilities_best(effects, draws)
    assert sum(found.values()) == pytest.approx(1)
    assert all(p == pytest.approx(1 / 3, abs=0.02) for p in found.values())
    two = effects.only((0, 2))
    assert probabilities_best(two, ()) == {0: 0.5, 2: 0.5}


@pytest.mark.parametrize("case", cases("bandit", "weight"))
def test_of_two_arms_shares_are_the_weight_in_percent(case: Case) -> None:
    before, p = round(100 * case["before"]), case["probability"]
    found = next_shares(
        (100 - before, before),
        (1 - p, p),
        round(100 * case["floor"]),
        round(100 * case["largest_step"]),
    )
    assert sum(found) == 100
    assert found[1] == pytest.approx(100 * case["weight"], abs=1)


CHANCES = st.lists(st.floats(0, 1), min_size=2, max_size=5).filter(lambda p: sum(p) > 0.01)


@given(CHANCES, st.data())
@tried(400)
def test_shares_sum_to_100_keep_the_least_and_move_by_no_more_than_the_step(
    chances: list[float], data: st.DataObject
) -> None:
    arms = len(chances)
    least, step = data.draw(st.integers(1, 100 // arms)), data.draw(st.integers(1, 100))
    weights = data.draw(st.lists(st.floats(0.01, 1), min_size=arms, max_size=arms))
    before = whole_shares(weights, least)
    found = next_shares(before, [p / sum(chances) for p in chances], least, step)
    assert sum(before) == sum(found) == 100
    assert min(before) >= least and min(found) >= least
    assert max(abs(a - b) for a, b in zip(before, found, strict=True)) <= step
    again = found
    for _ in range(200):
        again = next_shares(again, [p / sum(chances) for p in chances], least, step)
    whole = whole_shares([p / sum(chances) for p in chances], least)
    off = max(abs(a - b) for a, b in zip(again, whole, strict=True))
    assert off < arms, "it does not come to what is wanted"


def test_an_arm_below_a_floor_that_was_raised_is_at_it_at_once() -> None:
    assert next_shares((97, 3), (0.9, 0.1), 20, 5) == (80, 20)


def best_of(known: StratifiedMeans, alpha: float, planned: float) -> int | None:
    effects = known.effects()
    assert effects is not None
    found = leader(known, effects, alpha, planned)
    return found.arm if found.best else None


def test_certainty_needs_no_variance_where_there_is_none_and_begins_with_a_plan() -> None:
    sure = after([[counted(300, 0), counted(300, 300)]])
    assert best_of(sure, 0.01, 0.0) == 1
    known = after([[counted(300, 30), counted(300, 240)]])
    assert best_of(known, 0.01, 0.0) is None
    assert best_of(known, 0.01, planned_variance(known, 200)) == 1
    equal = after([[counted(300, 0), counted(300, 0)]])
    assert best_of(equal, 0.01, 0.0) is None
    # Rewards of one in a thousand are all 0 at first: that is no difference of nothing.
    assert leader(equal, equal.effects() or pytest.fail(), 0.01, 0.0).margin == math.inf


@pytest.mark.parametrize("arms", [2, 3])
def test_equal_arms_are_hardly_ever_told_apart_however_often_one_looks(arms: int) -> None:
    """120 looks each, with a level and shares that move: at most 5 % at any time, by contract."""
    source, alpha, wrong, runs = np.random.default_rng(7), 0.05, 0, 120
    for _ in range(runs):
        known, planned = StratifiedMeans.none(arms), 0.0
        for look in range(120):
            level = 0.1 + 0.08 * math.sin(look / 12)
            share = source.dirichlet([4.0] * arms)
            n = source.poisson(40 * arms * share)
            hits = source.binomial(n, level)
            known = known.after([counted(int(a), int(b)) for a, b in zip(n, hits, strict=True)])
            if not planned and min(known.rows) >= 200:
                planned = planned_variance(known, 200)
            if planned and best_of(known, alpha, planned) is not None:
                wrong += 1
                break
    assert wrong <= runs * alpha + 3 * math.sqrt(runs * alpha * (1 - alpha))
