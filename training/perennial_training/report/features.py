"""How features and predictions are distributed now, beside what the model learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.report import EqualRows
from perennial_statistics.design_effect import design_effect
from perennial_statistics.drift import (
    SLICES,
    Counts,
    DriftReport,
    Feature,
    Settings,
    added,
    judge_drift,
)
from perennial_statistics.duplicates import duplicates
from perennial_training.prove.equal_rows import occurrences_of, times_each
from perennial_training.prove.labels import texts
from perennial_training.report.hours import at_hours
from perennial_training.report.predicted import Predicted

FOREVER = 10.0 * 365 * 86_400
"""Then what is usual is known: the smallest effect decides, and no first days are waited for."""


@dataclass(frozen=True)
class Distributions:
    """Every feature and prediction then and now, and the verdict on them."""

    profiles: dict[str, FeatureProfile]
    now: dict[str, Counts]
    report: DriftReport
    lacking: list[str]
    """Features that the log has not."""
    rows: int
    """Predictions of the newest window."""
    equal_rows: EqualRows | None
    """None where not all features are known, or the reference tells none."""
    no_numbers: dict[str, int]
    """Values of a feature of numbers that are none, such as text; they count as missing."""
    unknown: list[str]
    """What the log has of this version beside its features."""
    hours: str = ""
    """Of which hours of the day the reference's rows are; nothing where that was not asked."""


def distributions(
    profile: Profile,
    rows: pd.DataFrame,
    found: Predicted,
    window: float,
    until: float,
    same_hours: str | None = None,
) -> Distributions:
    """Return the newest window of the log beside the profile.

    Args:
        profile: of the version.
        rows: what it predicted.
        found: of the same rows.
        window: how far back, in seconds.
        until: seconds since 1970.
        same_hours: zone of the profile's hours, where those that the rows are of are compared with.
    """
    recent = found.made >= until - window
    at, told = profile, ""
    if same_hours is not None:
        at, told = at_hours(profile, found.made[recent], same_hours)
    at = at.distinct()
    part = np.floor((found.made[recent] - (until - window)) / window * SLICES).astype(int)
    part = np.clip(part, 0, SLICES - 1)
    now = rows[recent]
    features: list[Feature] = []
    no_numbers: dict[str, int] = {}
    lacking: list[str] = []
    profiles: dict[str, FeatureProfile] = {}
    counts: dict[str, Counts] = {}
    values: list[tuple[FeatureProfile, FeatureProfile, Any]] = []
    for each, every in zip(at.features, profile.features, strict=True):
        name = f"input.{each.name}"
        if name in now:
            values.append((each, every, now[name]))
            if each.kind == "Numeric" and (count := _no_numbers(now[name])):
                no_numbers[each.name] = count
        else:
            lacking.append(each.name)
    for each, every in zip(at.predictions, profile.predictions, strict=True):
        of_model = _predictions(every, now, found, recent)
        if of_model is not None:
            values.append((each, every, of_model))
    for each, every, column in values:
        slices = _counted(each, column, part)
        profiles[each.name], counts[each.name] = each, added(slices)
        features.append(
            Feature(
                each.name,
                each.kind == "Numeric",
                _known(each),
                counts[each.name],
                slices=slices,
                whole=_known(every),
            )
        )
    settings = Settings(window=window, interval=window, watched=FOREVER)
    return Distributions(
        profiles,
        counts,
        judge_drift(features, settings, {}),
        lacking,
        int(recent.sum()),
        None if lacking else _equal_rows(profile, now, part),
        no_numbers,
        _unknown(profile, now),
        told,
    )


def _unknown(profile: Profile, now: pd.DataFrame) -> list[str]:
    """Return what is logged and no feature; a column of other versions alone has no value here."""
    known = {f"input.{f.name}" for f in profile.features}
    others = [str(n) for n in now if str(n).startswith("input.") and n not in known]
    return [n.removeprefix("input.") for n in others if now[n].notna().any()]


def _no_numbers(column: pd.Series[Any]) -> int:
    """Return how many values are no numbers, and not missing."""
    if pd.api.types.is_numeric_dtype(column):
        return 0
    return int((pd.to_numeric(column, errors="coerce").isna() & column.notna()).sum())


def _known(profile: FeatureProfile) -> Counts:
    return Counts(tuple(profile.counts), profile.other, profile.missing)


def _predictions(
    profile: FeatureProfile, now: pd.DataFrame, found: Predicted, recent: NDArray[Any]
) -> pd.Series[Any] | None:
    """Return what was predicted, as the profile counts it; None where the log has it not."""
    if profile.name == "probability" and found.probability is not None:
        return pd.Series(found.probability[recent])
    if profile.name == "label" and found.classes:
        names = np.array([*found.classes, ""], dtype=object)
        return pd.Series(names[found.predicted[recent]])
    if profile.name == "prediction" and not found.classes:
        return pd.Series(found.numbers[recent])
    return None


def _counted(
    profile: FeatureProfile, column: pd.Series[Any], part: NDArray[Any]
) -> tuple[Counts, ...]:
    """Return the counts of each slice of time, on the profile's own bins."""
    missing = column.isna().to_numpy()
    if profile.kind == "Numeric":
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
        with np.errstate(over="ignore"):
            single = numbers.astype(np.float32).astype(float)
        missing = np.isnan(single)
        place = np.searchsorted(profile.edges, single, side="right")
        low = profile.minimum if profile.minimum is not None else -np.inf
        high = profile.maximum if profile.maximum is not None else np.inf
        outside = ((single < low) | (single > high)) & ~missing
    else:
        words = texts(column.to_numpy(dtype=object))
        missing = missing | (words == "")
        known = {name: n for n, name in enumerate(profile.categories)}
        unique, inverse = np.unique(words.astype(str), return_inverse=True)
        places = np.array([known.get(str(w), len(known)) for w in unique], dtype=int)
        place = places[inverse] if len(words) else np.zeros(0, dtype=int)
        outside = np.zeros(len(words), dtype=bool)
    size = len(profile.counts)
    return tuple(
        _of_slice(place[at], missing[at], outside[at], size)
        for at in (part == n for n in range(SLICES))
    )


def _of_slice(
    place: NDArray[Any], missing: NDArray[Any], outside: NDArray[Any], size: int
) -> Counts:
    tally = np.bincount(place[~missing], minlength=size + 1)
    return Counts(
        tuple(int(n) for n in tally[:size]),
        other=int(tally[size:].sum()),
        missing=int(missing.sum()),
        out_of_range=int(outside.sum()),
    )


def _equal_rows(profile: Profile, now: pd.DataFrame, part: NDArray[Any]) -> EqualRows | None:
    """Return how many rows of the window are like another one, beside the reference's."""
    if not profile.equal_rows or now.empty:
        return None
    numbers = frozenset(f.name for f in profile.features if f.kind == "Numeric")
    times = times_each({f.name: now[f"input.{f.name}"] for f in profile.features}, numbers)
    of_slices = [times[part == n] > 1 for n in range(SLICES)]
    effect = design_effect([[int(repeat.sum()), int((~repeat).sum())] for repeat in of_slices])
    found = duplicates(profile.equal_rows, occurrences_of(times), effect)
    return EqualRows(rows=found.rows, found=found.found, usual=found.usual, p=found.p)
