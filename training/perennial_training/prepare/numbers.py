"""Numbers and Booleans."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from perennial_training.prepare.missing import mean_missing
from perennial_training.prepare.moments import moments
from perennial_training.prepare.plain import (
    Converted,
    Floats,
    all_true,
    any_true,
    flags,
    floats,
    is_number,
    is_text,
    is_time,
    nothing,
    on_words,
)

STRICT = r"^[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""A number as it is written; 02134 is none, but a code."""
LENIENT = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""A number where one is declared."""
INFINITE = r"^[+-]?(?i:inf|infinity)$"

TRUE, FALSE = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")
"""Words for a Boolean where one is declared; without that the first of each alone. In any case."""

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def numbers(array: pa.ChunkedArray, strict: bool = False) -> Converted:
    """Return plain values as Numbers; dates are seconds since 1970, true is 1.

    ``strict`` takes text only where it is written as a number, which codes such as 02134 are not,
    nor a date or ``true``. White space around a number and words that mean missing are no misfits.
    """
    kind = array.type
    if is_text(kind):
        return _text_numbers(array, strict)
    if is_time(kind):
        return moments(array)
    if pa.types.is_boolean(kind):
        array = array.cast(pa.int8())
    elif pa.types.is_duration(kind):
        array = array.cast(pa.int64())
    elif not is_number(kind):
        return nothing(array)
    values = floats(array)
    if pa.types.is_duration(kind):
        values /= _PER_SECOND[kind.unit]
    return Converted(values, np.zeros(len(values), bool))


def _text_numbers(array: pa.ChunkedArray, strict: bool) -> Converted:
    text = pc.utf8_trim_whitespace(array)
    fits = pc.match_substring_regex(text, STRICT if strict else LENIENT)
    misfits = np.zeros(len(text), bool)
    if all_true(fits):
        return Converted(_parsed(text), misfits)
    values = _parsed(pc.if_else(fits, text, None))
    is_other = pc.invert(fits)

    def other(distinct: pa.ChunkedArray) -> Converted:
        return _words(distinct, strict)

    found = on_words(text.filter(is_other), other)
    where = flags(is_other)
    values[where], misfits[where] = found
    return Converted(values, misfits)


def _parsed(text: pa.ChunkedArray) -> Floats:
    plus = pc.starts_with(text, "+")  # which the parser does not know
    if any_true(plus):
        text = pc.if_else(plus, pc.utf8_slice_codeunits(text, 1), text)
    return floats(text.cast(pa.float64()))


def _words(distinct: pa.ChunkedArray, strict: bool) -> Converted:
    """Return what words are among numbers: missing, infinite, or where declared true or a date."""
    values = _parsed(pc.if_else(pc.match_substring_regex(distinct, INFINITE), distinct, None))
    misfits = np.isnan(values) & ~mean_missing(distinct)
    if strict or not misfits.any():
        return Converted(values, misfits)
    for more in (booleans(distinct), moments(distinct)):
        values = np.where(misfits, more.values, values)
        misfits &= more.misfits
    return Converted(values, misfits)


def booleans(array: pa.ChunkedArray) -> Converted:
    """Return plain values as Booleans: true and false, 1 and 0, yes and no."""
    if is_text(array.type):
        return on_words(array, _text_booleans)
    if not (is_number(array.type) or pa.types.is_boolean(array.type)):
        return nothing(array)
    values = numbers(array).values
    misfits = ~np.isnan(values) & (values != 0) & (values != 1)
    values[misfits] = np.nan
    return Converted(values, misfits)


def _text_booleans(distinct: pa.ChunkedArray) -> Converted:
    text = pc.utf8_lower(pc.utf8_trim_whitespace(distinct))
    is_true, is_false = (
        flags(pc.is_in(text, pa.array(said, pa.large_string()))) for said in (TRUE, FALSE)
    )
    values = np.where(is_true, 1.0, np.where(is_false, 0.0, np.nan))
    return Converted(values, np.isnan(values) & ~mean_missing(distinct))
