"""Random search: draws of parameters, judged on rows that were set aside for it."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedShuffleSplit,
)

from perennial_artifact.result import SearchSpaceSpec, SearchSpec
from perennial_training.failure import TrainingFailure
from perennial_training.seed import SEED

SHARE = 0.2
"""Share of the training rows that trials are judged on."""

Rows = NDArray[np.intp]


@dataclass
class Trials:
    """How a search went."""

    parameters: dict[str, Any]
    """The best ones drawn."""
    score: float
    failed: list[str] = field(default_factory=list)
    """Why a trial failed, one sentence each; such a trial counts as worst."""


def draws(spec: SearchSpec) -> Iterator[dict[str, Any]]:
    """Yield the parameters of each trial; the same ones each time."""
    rng = random.Random(SEED)
    for _ in range(spec.trials):
        yield {name: draw(space, rng) for name, space in sorted(spec.parameters.items())}


def draw(space: SearchSpaceSpec, rng: random.Random) -> Any:
    """Draw one value of a parameter's distribution."""
    if space.int_:
        return rng.randint(space.int_[0], space.int_[1])
    if space.float_:
        low, high = space.float_
        if space.log:
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return rng.uniform(low, high)
    if not space.choice:
        return None
    return space.choice[rng.randrange(len(space.choice))]


def search(spec: SearchSpec, judge: Callable[[dict[str, Any]], float]) -> Trials:
    """Return the drawn parameters that are judged best; of equals, the first.

    Raises:
        TrainingFailure: every trial failed; it is the commonest failure.
    """
    best: tuple[float, dict[str, Any]] | None = None
    failures: list[TrainingFailure] = []
    for drawn in draws(spec):
        try:
            score = judge(drawn)
            if math.isnan(score):
                raise TrainingFailure("FitFailed", "the metric has no value on the set-aside rows")
        except TrainingFailure as failure:
            failures.append(failure)
            continue
        if best is None or score > best[0]:
            best = (score, drawn)
    if best is None:
        kinds = Counter((f.reason, str(f)) for f in failures)
        (reason, message), times = kinds.most_common(1)[0]
        tried = f"{times} of {spec.trials} trials" if times < spec.trials else "every trial"
        raise TrainingFailure(reason, f"no trial of the search worked; in {tried}: {message}")
    return Trials(best[1], best[0], [str(f) for f in failures])


def set_aside(
    task: str,
    target: pd.Series[Any],
    groups: pd.Series[Any] | None = None,
    time_ordered: bool = False,
) -> tuple[Rows, Rows]:
    """Return positions of the rows that trials learn from, and of those that judge them.

    The judges are the last fifth where rows are in order of time; whole groups where there are
    groups; else a fifth of each class, or a fifth of the rows where a class has but one.
    """
    count = len(target)
    positions = np.arange(count)
    if time_ordered:
        cut = count - max(1, round(count * SHARE))
        return positions[:cut], positions[cut:]
    splitter: Any = ShuffleSplit(1, test_size=SHARE, random_state=SEED)
    labels = None
    if groups is not None and groups.nunique() > 1:
        splitter = GroupShuffleSplit(1, test_size=SHARE, random_state=SEED)
        labels = groups.astype(str).to_numpy()
    elif task == "Classification":
        counts = target.value_counts()
        if counts.min() >= 2 and round(count * SHARE) >= len(counts):
            splitter = StratifiedShuffleSplit(1, test_size=SHARE, random_state=SEED)
    learn, judge = next(splitter.split(positions, target.to_numpy(), labels))
    return np.sort(learn), np.sort(judge)
