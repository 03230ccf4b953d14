"""The champion beside the candidate, on held-out rows that neither has learned from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.manifest import MODEL, Column, Manifest
from perennial_artifact.result import ByAge, ChampionSpec, Comparison, RunSpec
from perennial_artifact.store import ArtifactError, StoreUnreachable, fetch
from perennial_training.export import OnnxModel
from perennial_training.prepare.dataset import Rows
from perennial_training.prepare.recognition import NotComparable
from perennial_training.prepare.values import as_kind
from perennial_training.prove.answers import Answers, answers
from perennial_training.prove.by_age import by_age, unknown
from perennial_training.prove.compare import compare

FEWEST_COMPARED = 30
"""With fewer rows that both models have not learned from, a comparison says nothing."""


class TooFew(NotComparable):
    """The champion could be measured, were there more rows that it has not learned from."""


@dataclass(frozen=True)
class Beside:
    """A candidate beside the champion."""

    comparisons: list[Comparison]
    by_age: ByAge


def against_champion(
    run: RunSpec, champion: ChampionSpec, served: OnnxModel, rows: Rows, place: Path, secret: Path
) -> Beside:
    """Measure candidate and champion on the held-out rows that neither has learned from.

    Raises:
        NotComparable: the champion is not there any more, learned another task or other columns, or
            it cannot be told which rows it has not learned from.
        TooFew: there are too few of these.
        StoreUnreachable: the store does not answer.
    """
    try:
        manifest = fetch(champion.uri, champion.sha256, place, secret)
    except StoreUnreachable:
        raise
    except (ArtifactError, ValueError) as error:
        raise NotComparable(f"cannot be had: {error}") from error
    labels = [str(label) for label in rows.target.unique()]
    if manifest.task != run.task or (manifest.classes and not set(labels) & set(manifest.classes)):
        raise NotComparable("learned to predict something else")
    needed = _columns_of(manifest)
    if absent := [c.name for c in needed if c.name not in rows.frame]:
        raise NotComparable(f"needs {', '.join(absent)}, which the dataset does not have")
    if manifest.lineage is None or manifest.lineage.split is None:
        raise NotComparable("does not say which rows it has learned from")
    fresh = rows.new_to(manifest.lineage.split)
    target = rows.test_target[fresh]
    if len(target) < FEWEST_COMPARED or (manifest.classes and target.nunique() < 2):
        raise TooFew(f"has learned from all but {len(target)} of the {len(fresh)} held-out rows")
    theirs = rows.held_out[fresh]
    theirs = pd.DataFrame({c.name: as_kind(theirs[c.name], c.kind) for c in needed})
    is_number = rows.target.dtype.kind in "iu"
    try:
        known = [int(c) if is_number else c for c in manifest.classes]
        model = OnnxModel(place / MODEL, known)
        classes = list(rows.target.unique()) if manifest.classes else []
        positive = run.dataset.positive_class
        ours = answers(served, rows.test[fresh], classes, positive)
        its = answers(model, theirs, classes, positive)
        found = compare([run.objective.metric, *run.metrics], ours, its, target)
        if not found:
            metric = run.objective.metric
            raise NotComparable(f"gives no answers that {metric} could be measured by")
        return Beside(found, _by_age(run, manifest, rows, fresh, ours, its))
    except NotComparable:
        raise
    except Exception as error:
        raise NotComparable(f"cannot be measured: {str(error).splitlines()[0]}") from error


def _by_age(
    run: RunSpec,
    manifest: Manifest,
    rows: Rows,
    fresh: NDArray[np.bool_],
    ours: Answers,
    theirs: Answers,
) -> ByAge:
    """Compare both on recent rows and on older ones, where it is known which are recent."""
    candidates = len(run.candidates)
    if rows.times is None:
        return unknown("no dataset.timeColumn says which rows are recent", candidates)
    assert manifest.lineage is not None
    dataset = manifest.lineage.dataset
    # Its newest rows may be of a class whose labels come early; old records say their time alone.
    learned = _time(dataset.frequent_end or dataset.end)
    if learned is None:
        return unknown("the champion does not say up to when it has learned", candidates)
    return by_age(
        run.objective.metric,
        ours,
        theirs,
        rows.test_target[fresh],
        rows.test_times[fresh].to_numpy(dtype=np.float64),
        learned,
        candidates,
        rows.moment,
    )


def _time(written: str | None) -> float | None:
    """Return a time of a dataset's record, in seconds since 1970 or as the number that it is."""
    if written is None:
        return None
    try:
        return float(written)
    except ValueError:
        return pd.Timestamp(written).timestamp()


def _columns_of(manifest: Manifest) -> list[Column]:
    """Return what a model takes, of one that does not tell kinds by its inputs' datatypes."""
    if manifest.columns:
        return manifest.columns
    return [
        Column(name=t.name, kind="Category" if t.datatype == "BYTES" else "Number")
        for t in manifest.signature.inputs
    ]
