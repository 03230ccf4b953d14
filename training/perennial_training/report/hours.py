"""The reference at the hours of the day that the log's rows are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.profile import FEWEST_AT_HOURS, HOURS, FeatureProfile, Profile

QUARTER, HOUR = 900, 3_600
"""Seconds; clocks differ by quarters of an hour."""


def at_hours(profile: Profile, made: NDArray[Any], zone: str) -> tuple[Profile, str]:
    """Return the reference at the hours that rows came in, and an hour around, and which these are.

    As in the monitor's windows: features, or predictions, of which fewer than 200 rows are of these
    hours stay as they are.

    Args:
        profile: of all rows.
        made: when rows came, in seconds since 1970.
        zone: IANA time zone by whose clock the profile's hours are.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """
    hours = _hours(made, zone)
    if len(hours) in (0, HOURS):
        return profile, "all hours of the day"
    features, are_told = _at(profile.features, hours)
    predictions, _ = _at(profile.predictions, hours)
    clock = "UTC" if zone == "Etc/UTC" else zone
    told = f"the hours {_spans(hours)} {clock}" if are_told else "all hours, as too little is told"
    return profile.replace(features=features, predictions=predictions), told


def _hours(made: NDArray[Any], zone: str) -> list[int]:
    quarters = np.unique(np.asarray(made, dtype=float) // QUARTER) * QUARTER
    near = np.concatenate([quarters + around for around in (-HOUR, 0, HOUR)])
    clock = pd.to_datetime(near, unit="s", utc=True).tz_convert(zone)
    return sorted({int(hour) for hour in clock.hour})


def _at(
    columns: Sequence[FeatureProfile], hours: Sequence[int]
) -> tuple[list[FeatureProfile], bool]:
    """Return columns at some hours, and whether that is told of enough rows."""
    found = [p.at(hours) if p.hours else p for p in columns]
    rows = [p.rows for p in found if p.hours]
    enough = bool(rows) and min(rows) >= FEWEST_AT_HOURS
    return (found if enough else list(columns)), enough


def _spans(hours: Sequence[int]) -> str:
    """Return hours as spans of time, such as 8:00 to 18:00."""
    begins = [h for h in hours if (h - 1) % HOURS not in hours]
    ends = [next(e % HOURS for e in range(h + 1, h + HOURS + 1) if e % HOURS not in hours)
            for h in begins]  # fmt: skip
    return ", ".join(f"{b}:00 to {e}:00" for b, e in zip(begins, ends, strict=True))
