"""How a value, and that there is none, is written: the one way for training and for serving.

=========  ==================================================  =======
kind       a value                                             missing
=========  ==================================================  =======
Number     float64                                             NaN
Boolean    float64: 1 and 0                                    NaN
Time       float64: seconds since 1970, UTC                    NaN
Category   str, as it is written; a whole number without .0,   ``""``
           ``true`` and ``false``, a date in ISO 8601
=========  ==================================================  =======
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial_artifact.manifest import Kind

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MISSING_WORDS = (
    *("na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "null", "none", "nil", "\\n"),
    *("?", "-", "--", ".", "1.#qnan", "-1.#ind"),
)
"""Words that mean missing among numbers, booleans and times, in any case; in text they do not."""

STRICT = r"^[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""A number as it is written; 02134 is none, but a code."""
LENIENT = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""A number where one is declared."""
INFINITE = r"^[+-]?(?i:inf|infinity)$"

TRUE, FALSE = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")
"""Words for a Boolean where one is declared; without that, the first of each alone, in any case."""

ISO_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
"""A date, or a date and a time of day, in ISO 8601."""

_YEAR_1990, _YEAR_2100 = 631_152_000, 4_102_444_800
"""Seconds since 1970; moments between the two tell the unit of a number by its size."""
_UNITS = (1, 10**3, 10**6, 10**9)


class Converted(NamedTuple):
    """Values of a kind that is no Category, and which of them do not fit it (NaN there)."""

    values: Floats
    misfits: Flags


def as_kind(values: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    """Return values as a column of that kind has them; what does not fit is missing. Index kept.

    Values of any type are taken, so that what a request log holds becomes what a dataset holds.
    What is of the kind already stays as it is: numbers are Times in seconds since 1970.
    """
    array = plain(_arrow(values))
    if kind == "Time" and is_number(array.type):
        kind = "Number"
    if kind == "Category":
        found: NDArray[Any] = objects(as_text(array))
    else:
        found = CONVERTERS[kind](array).values
    return pd.Series(found, index=values.index, name=values.name, dtype=found.dtype)


def _arrow(values: pd.Series[Any]) -> pa.ChunkedArray:
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):  # objects of several types
        texts = [None if pd.api.types.is_scalar(v) and pd.isna(v) else _written(v) for v in values]
        array = pa.array(texts, pa.string())
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _written(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def plain(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values without an encoding around them: no dictionary, no run lengths, one string."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        array = pa.chunked_array([chunk.storage for chunk in array.chunks], kind.storage_type)
        return plain(array)
    if pa.types.is_run_end_encoded(kind):
        chunks = [pc.run_end_decode(chunk) for chunk in array.chunks]
        return plain(pa.chunked_array(chunks, kind.value_type))
    if pa.types.is_dictionary(kind):
        return plain(array.cast(kind.value_type))
    if is_text(kind):
        return array.cast(pa.large_string())
    if pa.types.is_time(kind):
        return _times_of_day(array)
    return array


def is_text(kind: pa.DataType) -> bool:
    """Return whether values are text."""
    is_ = pa.types
    return bool(is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Return whether values are numbers, or lengths of time, which are seconds."""
    is_ = pa.types
    return bool(
        is_.is_integer(kind)
        or is_.is_floating(kind)
        or is_.is_decimal(kind)
        or is_.is_duration(kind)
    )


def is_time(kind: pa.DataType) -> bool:
    """Return whether values are dates or moments."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _times_of_day(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times of day as text: 12:30:00, with a fraction of a second only where one is."""
    text = array.cast(pa.large_string())
    return pc.replace_substring_regex(text, r"\.?0+$", "") if _has_fraction(array) else text


def _has_fraction(array: pa.ChunkedArray) -> bool:
    return bool(array.type.unit != "s")


# Numbers


def numbers(array: pa.ChunkedArray, strict: bool = False) -> Converted:
    """Return plain values as Numbers; dates are seconds since 1970, true is 1.

    ``strict`` takes text only as numbers are written, which codes such as 02134 are not, and no
    text for true or a date.
    """
    if is_text(array.type):
        return _text_numbers(array, strict)
    if is_time(array.type):
        return moments(array)
    if not (is_number(array.type) or pa.types.is_boolean(array.type)):
        return _nothing(array)
    per_second = 1
    if pa.types.is_duration(array.type):
        per_second = 10 ** {"s": 0, "ms": 3, "us": 6, "ns": 9}[array.type.unit]
        array = array.cast(pa.int64())
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if pa.types.is_decimal256(array.type):
        array = array.cast(pa.large_string())
    values = _floats(array.cast(pa.float64(), safe=False)) / per_second
    return Converted(values, np.zeros(len(values), bool))


def _text_numbers(array: pa.ChunkedArray, strict: bool) -> Converted:
    text = without_missing(array)
    fits = pc.match_substring_regex(text, STRICT if strict else LENIENT)
    if not pc.all(fits, min_count=0).as_py():
        fits = pc.or_(fits, pc.match_substring_regex(text, INFINITE))
    readable = pc.if_else(fits, text, None) if not pc.all(fits, min_count=0).as_py() else text
    plus = pc.starts_with(readable, "+")
    if pc.any(plus, min_count=0).as_py():
        readable = pc.if_else(plus, pc.utf8_slice_codeunits(readable, 1), readable)
    values = _floats(readable.cast(pa.float64()))
    misfits = _flags(pc.invert(fits))
    if not strict and misfits.any():
        for more in (_text_booleans, _text_moments):
            other = more(array)
            use = misfits & ~other.misfits & ~np.isnan(other.values)
            values[use] = other.values[use]
            misfits &= ~use
    return Converted(values, misfits)


# Booleans


def booleans(array: pa.ChunkedArray) -> Converted:
    """Return plain values as Booleans: true and false, 1 and 0, yes and no."""
    if is_text(array.type):
        return _text_booleans(array)
    if not (is_number(array.type) or pa.types.is_boolean(array.type)):
        return _nothing(array)
    values = numbers(array).values
    misfits = ~np.isnan(values) & (values != 0) & (values != 1)
    values[misfits] = np.nan
    return Converted(values, misfits)


def _text_booleans(array: pa.ChunkedArray) -> Converted:
    text = pc.utf8_lower(without_missing(array))
    is_true = pc.is_in(text, pa.array(TRUE, pa.large_string()))
    is_false = pc.is_in(text, pa.array(FALSE, pa.large_string()))
    values = np.where(_flags(is_true), 1.0, np.where(_flags(is_false), 0.0, np.nan))
    return Converted(values, np.isnan(values) & _flags(text.is_valid()))


# Times


def moments(array: pa.ChunkedArray) -> Converted:
    """Return plain dates, moments and ISO 8601 text as Times; without a zone they are UTC.

    Numbers do not fit: what they count, ``unix`` tells by all of a column.
    """
    if is_text(array.type):
        return _text_moments(array)
    if not is_time(array.type):
        return _nothing(array)
    # What is beyond the range of microseconds is no time that anything can be learned from.
    ticks = array.cast(pa.timestamp("us", tz=getattr(array.type, "tz", None)), safe=False)
    values = _floats(ticks.cast(pa.int64()).cast(pa.float64(), safe=False)) / 1e6
    return Converted(values, np.zeros(len(values), bool))


def _has_zone(array: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_timestamp(array.type) and array.type.tz is not None)


def _text_moments(array: pa.ChunkedArray) -> Converted:
    text = without_missing(array)
    fits = pc.match_substring_regex(text, ISO_TIME)
    readable = pc.if_else(fits, text, None)
    values = _seconds(readable)
    return Converted(values, np.isnan(values) & _flags(text.is_valid()))


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
    ticks = times.astype("datetime64[us, UTC]")
    seconds = ticks.astype("int64").to_numpy().astype(np.float64) / 1e6
    seconds[ticks.isna().to_numpy()] = np.nan
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
        if _YEAR_1990 <= middle / per_second <= _YEAR_2100:
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


# Categories


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
        array = pa.chunked_array([pa.array(numbers(array).values, from_pandas=True)])
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    array = pc.if_else(pc.is_nan(array), None, array)
    whole = pc.and_(pc.equal(pc.trunc(array), array), pc.less(pc.abs(array), 2.0**63))
    integers = pc.if_else(whole, array, None).cast(pa.int64(), safe=False)
    return pc.coalesce(integers.cast(pa.large_string()), array.cast(pa.large_string()))


def are_days(array: pa.ChunkedArray) -> bool:
    """Return whether plain values are dates, or moments that are all midnight, as pandas has it."""
    if not pa.types.is_timestamp(array.type):
        return bool(pa.types.is_date(array.type))
    seconds = moments(array).values
    return not _has_zone(array) and not (seconds[~np.isnan(seconds)] % 86_400).any()


def _iso(array: pa.ChunkedArray, days: bool) -> pa.ChunkedArray:
    """Return dates as 2013-07-01, moments as 2013-07-01T12:00:00, with Z where they have a zone."""
    zone = "Z" if _has_zone(array) else ""
    ticks = array.cast(pa.timestamp("us", tz=array.type.tz) if zone else pa.timestamp("us"))
    ticks = ticks.cast(pa.int64()).cast(pa.timestamp("us"))  # in UTC, without a zone's name
    if days:
        return ticks.cast(pa.date32()).cast(pa.large_string())
    text = ticks.cast(pa.large_string())  # 2013-07-01 12:00:00.500000
    text = pc.replace_substring_regex(text, r"(\.[0-9]*?)0+$", r"\1")
    text = pc.replace_substring_regex(text, r"\.$", "")
    text = pc.replace_substring(text, " ", "T")
    return pc.binary_join_element_wise(text, *(pa.scalar(t, text.type) for t in (zone, "")))


def objects(text: pa.ChunkedArray) -> NDArray[Any]:
    """Return text as Python strings, equal ones shared, ``""`` for null."""
    distinct, codes = words(text)
    return np.array([*distinct.to_pylist(), ""], dtype=object)[codes]


def words(text: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int32]]:
    """Return the distinct values, and the number of each value's own; -1 for null."""
    encoded = pa.chunked_array(text.dictionary_encode().unify_dictionaries())
    if not encoded.num_chunks:
        return pa.array([], pa.large_string()), np.zeros(0, np.int32)
    codes = [chunk.indices.fill_null(-1).to_numpy() for chunk in encoded.chunks]
    return encoded.chunk(0).dictionary, np.concatenate(codes).astype(np.int32)


# Missing


def without_missing(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text without white space around it, null where that means missing among numbers."""
    trimmed = pc.utf8_trim_whitespace(text)
    return pc.if_else(is_missing_word(trimmed), None, trimmed)


def is_missing_word(trimmed: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return which texts mean missing among numbers; the empty one does, too."""
    short = pc.less_equal(pc.binary_length(trimmed), max(map(len, MISSING_WORDS)))
    if not pc.any(short, min_count=0).as_py():
        return short
    return pc.is_in(pc.utf8_lower(trimmed), pa.array(["", *MISSING_WORDS], pa.large_string()))


def _nothing(array: pa.ChunkedArray) -> Converted:
    return Converted(np.full(len(array), np.nan), _flags(array.is_valid()))


def _floats(array: pa.ChunkedArray) -> Floats:
    values: Floats = array.to_numpy()
    return values.astype(np.float64)  # a copy that can be written to


def _flags(array: pa.ChunkedArray) -> Flags:
    filled = pc.fill_null(array, False)
    flags: Flags = filled.to_numpy().astype(bool)
    return flags


CONVERTERS: dict[str, Callable[[pa.ChunkedArray], Converted]] = {
    "Number": numbers,
    "Boolean": booleans,
    "Time": moments,
}
"""How plain values become values of a declared kind."""
