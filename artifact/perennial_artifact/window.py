"""A drift window: what a server counted over some time, on the bins of a profile."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from perennial_artifact.base import Document

Moment = Annotated[datetime, Meta(tz=True)]
"""A time with its zone, so that any two can be compared."""


class FeatureWindow(Document, omit_defaults=False):
    """Counts of one feature; ``other`` are unseen categories, ``out_of_range`` numbers beyond the
    reference's minimum and maximum (these are in ``counts`` too)."""

    name: str
    counts: list[int]
    other: int = 0
    missing: int = 0
    out_of_range: int = 0


class Window(Document, omit_defaults=False):
    """Counts of ``samples`` rows between ``start`` and ``end``; ``profile`` is the SHA-256 of the
    profile.json whose bins were used."""

    model: str
    version: str
    profile: str
    start: Moment
    end: Moment
    samples: int
    features: list[FeatureWindow]
    predictions: list[FeatureWindow] = []


def _add(parts: Sequence[FeatureWindow]) -> FeatureWindow:
    first = parts[0]
    if any(p.name != first.name or len(p.counts) != len(first.counts) for p in parts):
        raise ValueError(f"windows disagree about the bins of {first.name}")
    return FeatureWindow(
        name=first.name,
        counts=[sum(column) for column in zip(*(p.counts for p in parts), strict=True)],
        other=sum(p.other for p in parts),
        missing=sum(p.missing for p in parts),
        out_of_range=sum(p.out_of_range for p in parts),
    )


def merge(windows: Sequence[Window]) -> Window:
    """Add up the windows of many pods.

    Raises:
        ValueError: there is none, or they were counted on different profiles.
    """
    if not windows:
        raise ValueError("no window to merge")
    first = windows[0]
    if any(w.profile != first.profile for w in windows):
        raise ValueError("windows were counted on different profiles")
    return Window(
        model=first.model,
        version=first.version,
        profile=first.profile,
        start=min(w.start for w in windows),
        end=max(w.end for w in windows),
        samples=sum(w.samples for w in windows),
        features=[_add(parts) for parts in zip(*(w.features for w in windows), strict=True)],
        predictions=[_add(parts) for parts in zip(*(w.predictions for w in windows), strict=True)],
    )
