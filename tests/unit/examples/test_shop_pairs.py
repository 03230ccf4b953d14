"""Experiments with known rewards: who wins, who does not, and what it costs."""

import numpy as np
import pytest

from shop.pairs import DELAY, Found, Pair, Rewards, experiment, find, run, table


def rewards(*rates: float, requests: int = 3_000) -> dict[str, Rewards]:
    """Return what rankings earn, of which each has a rate."""
    drawn = np.random.default_rng(11)
    return {f"r{rate}": drawn.uniform(size=requests) < rate for rate in rates}


def found(pair: Pair, known: dict[str, Rewards]) -> Found:
    return find(pair, known)


def test_the_better_one_wins_and_little_is_missed() -> None:
    pair = Pair("r0.12", "r0.3", 2_000, 4)
    seen = found(pair, rewards(0.12, 0.3))
    assert seen.said == "r0.3 wins 4 of 4"
    assert all(c.requests > DELAY + 100 for c in seen.courses)  # no reward was known before
    missed = [c.regret for c in seen.courses]
    assert max(missed) < min(seen.of_equal_split) / 2


def test_a_bad_one_is_stopped() -> None:
    seen = found(Pair("r0.3", "r0.05", 1_500, 4), rewards(0.3, 0.05))
    assert seen.said == "r0.3 wins 4 of 4"
    assert max(c.requests for c in seen.courses) < 600


def test_a_model_beside_itself_never_wins() -> None:
    seen = found(Pair("r0.3", "r0.3", 3_000, 3), rewards(0.3))
    assert {c.winner for c in seen.courses} == {""}
    assert [c.regret for c in seen.courses] == [0, 0, 0]


def test_what_is_earned_is_that_of_the_arms_that_answered() -> None:
    known = rewards(0.0, 1.0, requests=400)
    both = np.stack([known["r0.0"], known["r1.0"]], axis=1)
    course = run(experiment(allocation={"fixed": {}}), both, seed=1)
    assert course.best == 400
    assert course.earned + course.regret == 400
    # An equal split until rewards are known.
    assert 0.35 < course.regret / course.requests < 0.65


@pytest.mark.parametrize("pair", [Pair("r0.12", "r0.3", 1_000, 1)])
def test_the_table_names_both_and_what_was_missed(pair: Pair) -> None:
    shown = table([found(pair, rewards(0.12, 0.3))])
    last = shown.splitlines()[-1]
    assert "r0.12" in last and "r0.3 wins 1 of 1" in last
