"""A time as parts that repeat: what a model can learn from a moment that never comes again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = ("hour", "weekday", "day", "month")
"""Hour 0 to 23, weekday 0 (Monday) to 6, day of the month 1 to 31, month 1 to 12, all UTC."""

LIMIT = 1e12
"""Seconds from 1970 beyond which (the year 33658) a time is taken for missing."""

DAY = 86_400
ERA = 146_097
"""Days of 400 years, after which the Gregorian calendar repeats, weekdays included."""
CENTURY_CYCLE = 1_461
"""Days of four years."""

# Whole eras, so that no time is negative and no division depends on how it rounds; and three
# days more, because 1970-01-01 was a Thursday and weekdays count from Monday.
SHIFT = (80 * ERA + 3) * DAY
# From shifted days to quarter days since 1 March of the year 0: 719,468 days lie between that and
# 1970, and eras can be left out.
QUARTERS = 4 * (719_468 - 3) + 3


def month_and_day() -> NDArray[np.int64]:
    """Return month and day of each day of four years from 1 March on, shape [1461, 2].

    The years of a century are cut into fours that begin with March, so that the day that may be
    missing, 29 February, is the last.
    """
    days = np.arange(CENTURY_CYCLE)
    of_year = days - np.minimum(days // 365, 3) * 365
    # Months from March have 31, 30, 31, 30, 31 days, again and again: 153 in five.
    months = (5 * of_year + 2) // 153
    day = of_year - (153 * months + 2) // 5 + 1
    return np.stack([(months + 2) % 12 + 1, day], axis=1)


def parts(times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the parts of times in seconds since 1970 (UTC), shape [n, k] to [n, 4 k].

    Hours of all columns come first, then weekdays, then the month and the day of each column. NaN
    and what is beyond ``LIMIT`` is NaN in each part. The calendar is the proleptic Gregorian; the
    arithmetic is that of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), with a
    table instead of the last steps.
    """
    known = np.abs(times) <= LIMIT  # false for NaN
    seconds = np.floor(np.where(known, times, 0.0)).astype(np.int64) + SHIFT
    days = seconds // DAY
    of_century = (4 * days + QUARTERS) % ERA // 4
    dates: NDArray[Any] = month_and_day()[of_century % CENTURY_CYCLE]
    dates = dates.reshape(len(times), 2 * times.shape[1])
    whole = np.concatenate([seconds // 3600 % 24, days % 7, dates], axis=1)
    return np.where(np.tile(known, (1, len(PARTS))), whole, np.nan).astype(np.float32)


def names(columns: list[str]) -> list[tuple[str, str]]:
    """Return column and part of each feature, in the order of ``parts``."""
    hours_and_weekdays = [(name, part) for part in PARTS[:2] for name in columns]
    return hours_and_weekdays + [(name, part) for name in columns for part in ("month", "day")]
