"""What a run of training.yaml makes and ships, without a cluster.

The trainer's own split, and its comparison of candidate and champion on rows that neither learned
from; whether that is shipped is judged by the operator.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from fraud.data import FEATURES
from fraud.policies import fitted, inputs
from perennial.api import ModelTraining
from perennial.api.training import RunStatus
from perennial.plan.training.honest import Judged, judge
from perennial_artifact.manifest import Column, SplitRecord
from perennial_artifact.result import CandidateResult, SplitSpec
from perennial_training.prepare.split import split, unseen
from perennial_training.prove.answers import answers
from perennial_training.prove.by_age import by_age

COLUMNS = [Column(n, "Category" if n == "category" else "Number") for n in FEATURES]
RUN = {
    "number": 2,
    "trigger": "Drift",
    "phase": "Fitting",
    "startTime": "2024-01-01T00:00:00Z",
    "generation": 1,
}


@dataclass(frozen=True)
class Learned:
    """A model, and which rows it learned from."""

    name: str
    model: Any
    split: SplitRecord
    until: float
    """Time of the newest honest payment that it had, in seconds since 1970."""


@cache
def training() -> ModelTraining:
    """Return training.yaml."""
    return ModelTraining.read(yaml.safe_load((Path(__file__).parent / "training.yaml").read_text()))


def learned(name: str, rows: pd.DataFrame) -> Learned:
    """Return a model of the payments that the trainer does not hold out."""
    share = training().spec.dataset.split.test_fraction
    times = _seconds(rows)
    found = split(
        SplitSpec(test_fraction=share), rows, COLUMNS, rows["fraud"], times, is_classes=True
    )
    newest = float(times[rows["fraud"] == 0].max())
    return Learned(name, fitted(rows.iloc[found.train]), found.record, newest)


def shipped(rows: pd.DataFrame, champion: Learned, candidate: Learned) -> Judged:
    """Return whether the operator ships a candidate, and why.

    Args:
        rows: the payments that the candidate had, with the labels known by then.
        champion: what serves.
        candidate: what was learned of the rows.
    """
    spec = training().spec
    times = _seconds(rows)
    fresh = np.ones(len(rows), bool)
    for one in (champion, candidate):
        fresh &= unseen(one.split, rows, COLUMNS, rows["fraud"], times)
    held = rows[fresh]
    ours, theirs = (answers(m.model, inputs(held), [0, 1]) for m in (candidate, champion))
    compared = by_age(
        spec.objective.metric,
        ours,
        theirs,
        held["fraud"],
        times[fresh].to_numpy(),
        champion.until,
        len(spec.candidates),
        lambda seconds: str(pd.Timestamp(seconds, unit="s", tz="UTC")),
    )
    served = {
        "version": champion.name,
        "metric": {"name": spec.objective.metric, "value": 0.0},
        "uri": "s3://models/",
        "sha256": "0" * 64,
    }
    run = RunStatus.model_validate({**RUN, "champion": served})
    return judge(run, spec, CandidateResult(candidate=candidate.name, by_age=compared))


def _seconds(rows: pd.DataFrame) -> pd.Series:
    """Return when payments were, in seconds since 1970."""
    return (rows["time"] - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
