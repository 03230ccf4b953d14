"""The year on the clock of the cluster: a day of it lasts a second or so, and nothing is faked."""

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

SECONDS = {"s": 1, "m": 60, "h": 3600}
DAY = 86_400.0
OF_THE_YEAR = {"newest", "window", "interval", "maturity", "every", "cooldown"}
"""Durations of manifests that are about the year; others are about machines, and stay."""
SHORTEST = {("spec", "window"): 10.0, ("spec", "interval"): 1.0}
"""In seconds, where there is a limit: pods count in spans of five seconds."""


@dataclass(frozen=True)
class Clock:
    """Where the days of a year lie on the clock."""

    first_day: float
    begin: float
    """Of the first day, in seconds since 1970."""
    day_seconds: float

    def no_earlier(self, begin: float) -> "Clock":
        """Return a clock whose first day begins then, or when it did, whichever is later."""
        return replace(self, begin=max(begin, self.begin))

    def moments(self, days: pd.Series) -> pd.Series:
        """Return when days of the year are, as times."""
        seconds = self.begin + (days - self.first_day) * self.day_seconds
        return pd.to_datetime(seconds, unit="s", utc=True).astype("datetime64[us, UTC]")


def scaled(manifest: dict[str, Any], day_seconds: float) -> dict[str, Any]:
    """Return a manifest whose durations of the year are those of the clock, in whole seconds."""
    found = copy.deepcopy(manifest)
    _scale(found, (), day_seconds / DAY)
    return found


def _scale(value: Any, path: tuple[str, ...], by: float) -> None:
    if isinstance(value, list):
        for item in value:
            _scale(item, path, by)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in OF_THE_YEAR and isinstance(inner, str):
                shortest = SHORTEST.get((*path, name), 1.0)
                value[name] = f"{math.ceil(max(shortest, _seconds(inner) * by))}s"
            else:
                _scale(inner, (*path, name), by)


def _seconds(duration: str) -> float:
    return float(duration[:-1]) * SECONDS[duration[-1]]
