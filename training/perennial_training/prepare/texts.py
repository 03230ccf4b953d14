"""Categories: text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial_training.prepare.moments import moments, ticks
from perennial_training.prepare.numbers import numbers
from perennial_training.prepare.plain import is_number, is_text, is_time, words


def as_text(array: pa.ChunkedArray, days: bool | None = None) -> pa.ChunkedArray:
    """Return plain values as Categories are written, null for missing.

    ``days`` leaves the time of day out; by default it is left out where it is midnight always.
    """
    kind = array.type
    if is_text(kind):
        return pc.if_else(pc.equal(array, ""), None, array)
    if is_time(kind):
        return _iso(array, are_days(array) if days is None else days)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return array.cast(pa.large_string())
    if is_number(kind):
        return _shortest(array)
    return pa.chunked_array([pa.nulls(len(array), pa.large_string())])


def _shortest(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers in the fewest digits that tell them apart, whole ones without a point."""
    if not pa.types.is_floating(array.type):
        array = pa.chunked_array([pa.array(numbers(array).values)])
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    array = pc.if_else(pc.is_nan(array), None, array)
    is_whole = pc.and_(pc.equal(pc.trunc(array), array), pc.less(pc.abs(array), 2.0**63))
    whole = pc.if_else(is_whole, array, None).cast(pa.int64(), safe=False)
    return pc.coalesce(whole.cast(pa.large_string()), array.cast(pa.large_string()))


def are_days(array: pa.ChunkedArray) -> bool:
    """Return whether plain values are dates, or moments that are all midnight, as pandas has it."""
    if not pa.types.is_timestamp(array.type):
        return bool(pa.types.is_date(array.type))
    seconds = moments(array).values
    return array.type.tz is None and not (seconds[~np.isnan(seconds)] % 86_400).any()


def _iso(array: pa.ChunkedArray, days: bool) -> pa.ChunkedArray:
    """Return dates as 2013-07-01, moments as 2013-07-01T12:00:00, with Z where they have a zone."""
    if days:
        return ticks(array).cast(pa.date32()).cast(pa.large_string())
    text = ticks(array).cast(pa.large_string())  # 2013-07-01 12:00:00.500000
    text = pc.replace_substring_regex(text, r"(\.[0-9]*?)0+$", r"\1")
    text = pc.replace_substring_regex(text, r"\.$", "")
    text = pc.replace_substring(text, " ", "T")
    has_zone = pa.types.is_timestamp(array.type) and array.type.tz is not None
    ends = (pa.scalar(end, text.type) for end in ("Z" if has_zone else "", ""))
    return pc.binary_join_element_wise(text, *ends)


def objects(text: pa.ChunkedArray) -> NDArray[Any]:
    """Return text as Python strings, equal ones shared, ``""`` for null."""
    distinct, codes = words(text)
    return np.array([*distinct.to_pylist(), ""], dtype=object)[codes]
