"""What an experiment says of pairs of rankings, over a year whose every reward is known.

The operator's own decisions are asked (``perennial.plan.rollout.experiment``); the requests, the
rewards and their delay are the shop's. What a request would have earned with the other ranking is
known as well, so each verdict can be checked, and what it cost to reach it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np
from numpy.typing import NDArray

from perennial.api.deployment import ArmStatus, Experiment, ExperimentStatus
from perennial.plan.rollout.experiment import judging, shares
from perennial_artifact.outcomes import AGES

BATCH = 40
"""Requests of a batch, which stands for ten seconds."""
BATCH_SECONDS = 10
DELAY = 150
"""Requests after which the reward of one is told."""
BEGAN = datetime(2011, 1, 4, tzinfo=UTC)

Rewards = NDArray[np.bool_]
"""What each ranking earns of each request, of shape (requests, 2): stable first."""


def experiment(**more: object) -> Experiment:
    """Return an experiment of one variant beside stable."""
    body = {
        "variants": [{"name": "variant", "model": {"versionRef": {"name": "variant"}}}],
        "outcome": {"reward": {}},
        "batch": f"{BATCH_SECONDS}s",
        "stop": {"minimumOutcomes": 50},
        **more,
    }
    return Experiment.model_validate(body)


@dataclass(frozen=True)
class Course:
    """How one experiment went."""

    result: str
    """As the status calls it, '' where it had not ended."""
    winner: str
    message: str
    requests: int
    """After so many it ended."""
    earned: int
    """Of all requests, those after its end too, which the winner has."""
    best: int
    """What the ranking that earns more of all of them would have earned alone."""

    @property
    def regret(self) -> int:
        """Return the rewards that were missed by not knowing the better ranking at once."""
        return self.best - self.earned


def run(asked: Experiment, rewards: Rewards, seed: int) -> Course:
    """Return how an experiment goes over requests in order; stable serves on without a winner."""
    drawn = random.Random(seed)
    names = ["stable", "variant"]
    known = ExperimentStatus(arms=[ArmStatus(name=n, state="Running") for n in names])
    known = shares.with_shares(known, shares.asked(asked, known, enough=False))
    now = BEGAN
    known = known.model_copy(update={"start_time": now, "judged_until": now, "batch_time": now})
    choices: list[int] = []
    ended = None
    while ended is None and len(choices) + BATCH <= len(rewards):
        split = [arm.share.asked for arm in known.arms if arm.share is not None]
        choices += drawn.choices(range(2), split, k=BATCH)
        now += timedelta(seconds=BATCH_SECONDS)
        arrived = range(max(0, len(choices) - BATCH - DELAY), max(0, len(choices) - DELAY))
        batch = _told(rewards, choices, arrived)
        known = known.model_copy(update={"batch": batch, "judged_until": now})
        known = judging.after_batch(asked, known, "uid")
        ended = judging.ending(asked, known, now)
        enough = judging.has_enough(asked, known)
        known = shares.with_shares(known, shares.asked(asked, known, enough))
    after = int(ended is not None and ended.winner == "variant")
    served = choices + [after] * (len(rewards) - len(choices))
    return Course(
        result=ended.result if ended is not None else "",
        winner=ended.winner if ended is not None else "",
        message=ended.message if ended is not None else "",
        requests=len(choices),
        earned=int(rewards[np.arange(len(rewards)), served].sum()),
        best=int(rewards.sum(axis=0).max()),
    )


def _told(rewards: Rewards, choices: Sequence[int], arrived: range) -> list[float]:
    """Return a batch as pods tell it: rows, sum and squares, by age and arm; all of one age."""
    cells = [[0.0, 0.0], [0.0, 0.0]]
    for n in arrived:
        cells[choices[n]][0] += 1
        cells[choices[n]][1] += float(rewards[n, choices[n]])
    return [v for rows, total in cells for v in (rows, total, total)] + [0.0] * (
        6 * (len(AGES) - 1)
    )


@dataclass(frozen=True)
class Pair:
    """Two rankings that are compared."""

    stable: str
    variant: str
    requests: int
    """For so many it goes on at most."""
    runs: int
    whole_year: bool = False
    """Each run sees the year from its beginning; else each begins at another time of it."""
    remaining: float = 0.01
    """The part of the mean below which a difference does not matter."""


ENDS = {"": "undecided", "Undecided": "undecided", "NoDifference": "no difference"}
PAIRS = (
    Pair("popularity", "regression", 6_000, 20),
    Pair("regression", "random", 6_000, 20),
    Pair("habit", "regression", 6_000, 20),
    Pair("regression", "regression", 12_000, 10, remaining=0.1),
    Pair("habit", "boosting", 17_000, 4, whole_year=True),
)


@dataclass(frozen=True)
class Found:
    """What was found of a pair."""

    pair: Pair
    rates: tuple[float, float]
    """The part of requests that each earned a reward of, in all of the year."""
    courses: list[Course]
    of_equal_split: list[float]
    """Rewards that each run would have missed, had both served half of it all."""

    @property
    def said(self) -> str:
        """Return how the runs ended, in words."""
        count: dict[str, int] = {}
        for course in self.courses:
            words = {"stable": self.pair.stable, "variant": self.pair.variant}
            end = f"{words[course.winner]} wins" if course.winner else ENDS[course.result]
            count[end] = count.get(end, 0) + 1
        runs = len(self.courses)
        return ", ".join(f"{end} {n} of {runs}" for end, n in sorted(count.items()))

    @property
    def decided_after(self) -> str:
        """Return after how many requests, in the middle, and at most."""
        ended = [c.requests for c in self.courses if c.result]
        return f"{median(ended):.0f} ({max(ended)})" if ended else "–"


def find(pair: Pair, rewards: dict[str, Rewards]) -> Found:
    """Return what experiments with a pair say.

    Args:
        pair: which rankings.
        rewards: what each ranking earns of each request of the year, of shape (requests,).
    """
    both = np.stack([rewards[pair.stable], rewards[pair.variant]], axis=1)
    shift = 0 if pair.whole_year else (len(both) - pair.requests) // max(1, pair.runs - 1)
    stop = {"minimumOutcomes": 50, "valueRemaining": pair.remaining}
    courses, of_equal_split = [], []
    for seed in range(pair.runs):
        part = both[seed * shift : seed * shift + pair.requests]
        courses.append(run(experiment(stop=stop), part, seed))
        earned = part.sum(axis=0)
        of_equal_split.append(float(earned.max() - earned.mean()))
    rates = both.mean(axis=0)
    return Found(pair, (float(rates[0]), float(rates[1])), courses, of_equal_split)


def table(found: Sequence[Found]) -> str:
    """Return what was found, in Markdown."""
    lines = [
        "| stable | variant | their rates | what the experiment says | after requests: median "
        "(most) | rewards missed | by an equal split |",
        "| --- | --- | --- | --- | ---: | ---: | ---: |",
    ]
    for each in found:
        missed = median(c.regret for c in each.courses)
        lines.append(
            f"| {each.pair.stable} | {each.pair.variant} | {each.rates[0]:.3f}, "
            f"{each.rates[1]:.3f} | {each.said} | {each.decided_after} | {missed:.0f} | "
            f"{median(each.of_equal_split):.0f} |"
        )
    return "\n".join(lines)
