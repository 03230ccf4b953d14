"""Columns of rows, counted as the trainer and the pods count them, and judged by the rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.drift.others import Case, Found
from perennial_artifact.profile import FeatureProfile
from perennial_statistics.drift import Counts, Feature, Settings, judge_drift
from perennial_statistics.usual_drift import DAY
from perennial_training.prove.profile import categorical_profile, numeric_profile

SETTINGS = Settings(window=3_600, interval=3_600, watched=30 * DAY)
"""One look at each window, and nothing usual that would make drift need more."""


def profiles(kinds: Mapping[str, str], rows: pd.DataFrame) -> dict[str, FeatureProfile]:
    """Return how columns are distributed, as the trainer writes it."""
    return {
        name: (numeric_profile if kind == "Numeric" else categorical_profile)(
            name, rows[name].to_numpy()
        )
        for name, kind in kinds.items()
    }


def counted(profile: FeatureProfile, values: pd.Series[Any]) -> Counts:
    """Return what a pod counts of a column."""
    if profile.kind == "Categorical":
        present = values[values != ""]
        shares = present.value_counts()
        listed = tuple(int(shares.get(c, 0)) for c in profile.categories)
        return Counts(listed, len(present) - sum(listed), len(values) - len(present))
    present = values.dropna().to_numpy().astype(np.float32).astype(float)
    places = np.searchsorted(profile.edges, present, "right")
    found = np.bincount(places, minlength=len(profile.counts))
    assert profile.minimum is not None and profile.maximum is not None
    outside = int(((present < profile.minimum) | (present > profile.maximum)).sum())
    return Counts(tuple(found.tolist()), 0, len(values) - len(present), outside)


def ours(case: Case) -> Found:
    """Judge windows by the drift rule, each by itself."""
    known = profiles(case.kinds, case.reference)
    return Found([judge_drift(features(known, w), SETTINGS, {}).alarming for w in case.windows])


def features(known: Mapping[str, FeatureProfile], window: pd.DataFrame) -> list[Feature]:
    """Return what is tested of a window."""
    return [
        Feature(
            name,
            p.kind == "Numeric",
            Counts(tuple(p.counts), p.other, p.missing),
            counted(p, window[name]),
            constant=window[name].replace("", np.nan).nunique() == 1,
        )
        for name, p in known.items()
    ]
