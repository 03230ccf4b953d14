"""How often an experiment is right, and how soon: seeded, with the rates of a shop's models."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import pytest
from builders import NOW

from perennial.api.deployment import ArmStatus, Experiment, ExperimentStatus
from perennial.plan.rollout.experiment import judging, shares, told
from perennial.plan.rollout.experiment.arms import each
from perennial_artifact.outcomes import AGES

BATCH = 60
DRAWS = 500
"""Of the posterior of more than two arms: fewer than the operator's, to save time."""
LEVELS = Callable[[int], tuple[float, ...]]
"""The chance of a reward of each arm, by how many requests there were before."""


@dataclass
class Ended:
    """How an experiment went."""

    result: str
    winner: str
    requests: int
    in_the_best: float
    """The part of the requests that the best arm had."""
    message: str = ""


def asked(arms: int, **more: object) -> Experiment:
    names = [f"v{n}" for n in range(1, arms)]
    made = [{"name": n, "model": {"versionRef": {"name": n}}} for n in names]
    body = {"variants": made, "outcome": {"reward": {}}, "batch": "1m", **more}
    return Experiment.model_validate(body)


def ran(experiment: Experiment, levels: LEVELS, seed: int, most: int, a_batch: int) -> Ended:
    """Return how an experiment ends, or where it stands after so many requests.

    Half of the rewards come at once, half two batches later, in another class of age; all levels
    swing by a fifth, as a day does.
    """
    drawn = random.Random(seed)
    names = ["stable", *(v.name for v in experiment.variants)]
    known = ExperimentStatus(arms=[ArmStatus(name=n, state="Running") for n in names])
    known = shares.with_shares(known, shares.asked(experiment, known, enough=False))
    now: datetime = NOW
    known = known.model_copy(update={"start_time": now, "judged_until": now, "batch_time": now})
    late: list[list[list[float]]] = [[[0, 0] for _ in names] for _ in range(2)]
    requests = best = 0
    while requests < most:
        rates = levels(requests)
        swing = 1 + 0.2 * ((requests // 500) % 2)
        split = [arm.share.asked for arm in known.arms if arm.share is not None]
        cells = [[[0.0, 0.0] for _ in names] for _ in range(2)]
        for _ in range(a_batch):
            arm = drawn.choices(range(len(names)), split)[0]
            cell = cells[drawn.random() < 0.5][arm]
            cell[0] += 1
            cell[1] += drawn.random() < rates[arm] * swing
            best += rates[arm] == max(rates)
        requests += a_batch
        late.append(cells[1])
        now += timedelta(seconds=BATCH)
        numbers = [cells[0], late.pop(0)]
        flat = [v for row in numbers for n, x in row for v in (n, x, x)]
        flat += [0.0] * (3 * len(names) * (len(AGES) - 2))
        known = known.model_copy(update={"batch": flat, "judged_until": now})
        assert told.is_over(experiment, known)
        known = judging.after_batch(experiment, known, "uid")
        if ended := judging.ending(experiment, known, now):
            part = best / requests
            return Ended(ended.result, ended.winner, requests, part, ended.message)
        enough = judging.has_enough(experiment, known)
        known = shares.with_shares(known, shares.asked(experiment, known, enough))
    return Ended("", "", requests, best / requests)


def several(
    experiment: Experiment, levels: LEVELS, runs: int, most: int = 6000, a_batch: int = 40
) -> list[Ended]:
    return [ran(experiment, levels, seed, most, a_batch) for seed in range(runs)]


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "DRAWS", DRAWS)


def test_a_clear_winner_is_always_called_and_soon() -> None:
    stop = {"minimumOutcomes": 50}
    found = several(asked(2, stop=stop), lambda _: (0.124, 0.307), runs=20)
    assert [e.winner for e in found] == ["v1"] * 20
    assert median(e.requests for e in found) <= 500
    found = several(asked(2), lambda _: (0.124, 0.307), runs=20)
    assert [e.winner for e in found] == ["v1"] * 20
    assert median(e.requests for e in found) <= 700


def test_who_wins_is_told_to_be_better_for_sure() -> None:
    """An interval with two ends holds 0 in some of these; what decided has one end."""
    stop = {"minimumOutcomes": 50}
    found = several(asked(2, stop=stop), lambda _: (0.124, 0.307), runs=12)
    least = [re.search(r"better by at least (\S+) \(0\.99 sure\)", e.message) for e in found]
    assert all(one is not None and float(one[1]) > 0 for one in least)


def test_a_bad_release_loses_to_stable() -> None:
    found = several(asked(2, stop={"minimumOutcomes": 50}), lambda _: (0.307, 0.048), runs=20)
    assert [e.winner for e in found] == ["stable"] * 20
    assert median(e.requests for e in found) <= 400


def test_a_pair_that_is_almost_equal_stays_undecided() -> None:
    found = several(asked(2), lambda _: (0.299, 0.307), runs=10, a_batch=100)
    assert {e.result for e in found} == {""}


def test_a_model_against_itself_makes_no_difference() -> None:
    stop = {"after": "50m"}
    found = several(asked(2, stop=stop), lambda _: (0.307, 0.307), runs=20, a_batch=100)
    assert {e.result for e in found} == {"Undecided"}
    three = several(asked(3, stop=stop), lambda _: (0.3, 0.3, 0.3), runs=4, a_batch=100)
    assert {e.result for e in three} == {"Undecided"}


def test_of_several_the_best_wins_and_had_most_of_the_traffic() -> None:
    found = several(asked(3), lambda _: (0.12, 0.18, 0.3), runs=4)
    assert [e.winner for e in found] == ["v2"] * 4
    fixed = several(asked(3, allocation={"fixed": {}}), lambda _: (0.12, 0.18, 0.3), runs=4)
    assert [e.winner for e in fixed] == ["v2"] * 4
    assert median(e.in_the_best for e in found) > median(e.in_the_best for e in fixed)


def test_a_best_that_changes_is_not_called_by_what_it_was() -> None:
    def levels(requests: int) -> tuple[float, ...]:
        return (0.30, 0.289) if requests < 14_000 else (0.283, 0.314)

    found = several(asked(2, stop={"after": "10h"}), levels, runs=4, most=17_000, a_batch=200)
    assert not [e for e in found if e.result and e.requests <= 14_000]
    assert "stable" not in {e.winner for e in found if e.requests > 14_000}


def test_what_was_certain_once_and_is_not_so_now_is_no_want_of_difference() -> None:
    known = ExperimentStatus(arms=[ArmStatus(name=n, state="Running") for n in ("stable", "v1")])
    known = known.model_copy(update={"judged_until": NOW, "batch_time": NOW, "start_time": NOW})
    experiment = asked(2, stop={"after": "10h"})
    for batch in range(60):
        means = (0.4, 0.1) if batch < 20 else (0.1, 0.13)
        flat = [v for mean in means for v in (1000, 1000 * mean, 1000 * mean)]
        flat += [0.0] * (6 * (len(AGES) - 1))
        now = NOW + timedelta(minutes=10 * (batch + 1))
        known = known.model_copy(update={"batch": flat, "judged_until": now})
        known = judging.after_batch(experiment, known, "uid")
    assert judging.ending(experiment, known, NOW + timedelta(hours=9)) is None
    late = judging.ending(experiment, known, NOW + timedelta(hours=10))
    assert late is not None and late.result == "Undecided"


def test_late_rewards_whose_level_moves_with_the_shares_do_not_decide() -> None:
    """A level that doubles while the shares are drawn to one arm."""
    known = ExperimentStatus(arms=[ArmStatus(name=n, state="Running") for n in ("stable", "v1")])
    known = known.model_copy(update={"judged_until": NOW, "batch_time": NOW, "start_time": NOW})
    experiment = asked(2)
    for batch in range(40):
        level, share = (0.1, 0.2) if batch < 20 else (0.2, 0.8)
        n = [round(1000 * (1 - share)), round(1000 * share)]
        flat = [v for rows in n for v in (rows, rows * level, rows * level)]
        flat += [0.0] * (6 * (len(AGES) - 1))
        known = judging.after_batch(experiment, known.model_copy(update={"batch": flat}), "uid")
    assert judging.ending(experiment, known, NOW) is None
    chances = [arm.probability_best for arm in each(known, lambda arm: arm).arms]
    assert chances == [0.5, 0.5]
