"""What pods would count of payments, on the reference that the trainer makes of others."""

import numpy as np
import pandas as pd

from fraud.data import FEATURES
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.windows import Column, Window
from perennial_training.prove.profile import categorical_profile, numeric_profile


def reference(rows: pd.DataFrame) -> Profile:
    """Return how the inputs of payments were distributed."""
    found = [
        categorical_profile(name, rows[name].to_numpy())
        if name == "category"
        else numeric_profile(name, rows[name].to_numpy())
        for name in FEATURES
    ]
    return Profile(rows=len(rows), features=found)


def counted(profile: Profile, rows: pd.DataFrame, end: int, seconds: int) -> Window:
    """Return what was counted of payments on a reference, in the seconds before an end."""
    columns = [_column(p, rows[p.name].to_numpy()) for p in profile.features]
    return Window(
        model="fraud",
        version="",
        since=float(end - seconds),
        clock=float(end),
        start=end - seconds,
        end=end,
        profile="reference",
        rows=len(rows),
        features=columns,
        predictions=[],
    )


def _column(profile: FeatureProfile, values: np.ndarray) -> Column:
    if profile.kind == "Categorical":
        places = pd.Index(profile.categories).get_indexer(values)
        counts = np.bincount(places[places >= 0], minlength=len(profile.counts))
        return Column(counts.tolist(), int((places < 0).sum()), 0, 0)
    single = values.astype(np.float32).astype(np.float64)
    places = np.searchsorted(profile.edges, single, side="right")
    beyond = (single < profile.minimum) | (single > profile.maximum)
    counts = np.bincount(places, minlength=len(profile.counts))
    return Column(counts.tolist(), 0, 0, int(beyond.sum()))
