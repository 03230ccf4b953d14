"""Times: seconds since 1970, UTC."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from perennial_training.prepare.missing import mean_missing
from perennial_training.prepare.plain import (
    Converted,
    Floats,
    flags,
    floats,
    is_text,
    is_time,
    nothing,
    words,
)

ISO_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
"""A date, or a date and a time of day, in ISO 8601."""

YEAR_1990, YEAR_2100 = 631_152_000, 4_102_444_800
"""Seconds since 1970; moments between the two tell the unit of a number by its size."""
_UNITS = (1, 10**3, 10**6, 10**9)


def moments(array: pa.ChunkedArray) -> Converted:
    """Return plain dates, moments and ISO 8601 text as Times; without a zone they are UTC.

    Numbers do not fit: what they count, ``unix`` tells by all of a column. Of what is finer than a
    microsecond nothing is kept.
    """
    if is_text(array.type):
        text = pc.utf8_trim_whitespace(array)
        fits = pc.match_substring_regex(text, ISO_TIME)
        values = _seconds(pc.if_else(fits, text, None))
        missing = mean_missing(text.filter(pc.invert(fits)))
        misfits = np.isnan(values) & flags(text.is_valid())
        misfits[flags(pc.invert(fits))] &= ~missing
        return Converted(values, misfits)
    if not is_time(array.type):
        return nothing(array)
    values = floats(ticks(array).cast(pa.int64())) / 1e6
    return Converted(values, np.zeros(len(values), bool))


def ticks(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return plain dates and moments as moments of UTC in microseconds, without a zone's name."""
    zone = array.type.tz if pa.types.is_timestamp(array.type) else None
    whole = array.cast(pa.timestamp("us", tz=zone), safe=False)
    return whole.cast(pa.int64()).cast(pa.timestamp("us"))


def _seconds(text: pa.ChunkedArray) -> Floats:
    """Return ISO times as seconds since 1970, NaN for null and for what is in no calendar."""
    for zone in (None, "UTC"):  # the quick way, where all of them have a zone, or none has
        try:
            return moments(text.cast(pa.timestamp("us", tz=zone))).values
        except pa.ArrowInvalid:
            continue
    distinct, codes = words(text)
    parts = pd.Series([*distinct.to_pylist(), None], dtype=object)
    times = pd.to_datetime(parts, format="ISO8601", utc=True, errors="coerce")
    whole = times.astype("datetime64[us, UTC]")
    seconds = whole.astype("int64").to_numpy().astype(np.float64) / 1e6
    seconds[whole.isna().to_numpy()] = np.nan
    found: Floats = seconds[codes]
    return found


def unix(values: Floats) -> Floats | None:
    """Return numbers that are times in seconds since 1970; None where they are no times.

    They are seconds, ms, us or ns, by the size of their median, or all days such as 20130701.
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return values
    middle = float(np.median(known))
    for per_second in _UNITS:
        if YEAR_1990 <= middle / per_second <= YEAR_2100:
            return values / per_second
    if known.min() < 19_000_101 or known.max() > 22_001_231 or (known != known.round()).any():
        return None
    distinct, codes = np.unique(known.astype(np.int64), return_inverse=True)
    days = pd.to_datetime(pd.Series(distinct), format="%Y%m%d", errors="coerce")
    if days.isna().any():
        return None
    found = np.full(len(values), np.nan)
    seconds = days.astype("datetime64[s]").astype("int64").to_numpy().astype(np.float64)
    found[~np.isnan(values)] = seconds[codes]
    return found
