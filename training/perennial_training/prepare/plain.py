"""Values as Arrow has them, without an encoding around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Converted(NamedTuple):
    """Values as float64, NaN for missing, and which of them do not fit (NaN there, too)."""

    values: Floats
    misfits: Flags


def plain(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values without a dictionary or run lengths, all text of one type.

    Times of day become text: they are no moments.
    """
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        chunks = [chunk.storage for chunk in array.chunks]
        return plain(pa.chunked_array(chunks, kind.storage_type))
    if pa.types.is_run_end_encoded(kind):
        chunks = [pc.run_end_decode(chunk) for chunk in array.chunks]
        return plain(pa.chunked_array(chunks, kind.value_type))
    if pa.types.is_dictionary(kind):
        return plain(array.cast(kind.value_type))
    if is_text(kind):
        return array.cast(pa.large_string())
    if pa.types.is_time(kind):
        # 12:30:00, with a fraction of a second only where there is one
        text = array.cast(pa.large_string())
        return text if kind.unit == "s" else pc.replace_substring_regex(text, r"\.?0+$", "")
    return array


def is_text(kind: pa.DataType) -> bool:
    """Return whether values are text."""
    is_ = pa.types
    return bool(is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Return whether values are numbers, or lengths of time, which are seconds."""
    is_ = pa.types
    is_exact = is_.is_integer(kind) or is_.is_decimal(kind) or is_.is_duration(kind)
    return bool(is_exact or is_.is_floating(kind))


def is_time(kind: pa.DataType) -> bool:
    """Return whether values are dates or moments."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def words(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, NDArray[np.int32]]:
    """Return the distinct values, and for each value the number of its own; -1 for null."""
    encoded = pa.chunked_array(text.dictionary_encode().unify_dictionaries())
    if not encoded.num_chunks:
        return pa.chunked_array([], pa.large_string()), np.zeros(0, np.int32)
    codes = [chunk.indices.fill_null(-1).to_numpy() for chunk in encoded.chunks]
    return pa.chunked_array([encoded.chunk(0).dictionary]), np.concatenate(codes)


def on_words(text: pa.ChunkedArray, convert: Callable[[pa.ChunkedArray], Converted]) -> Converted:
    """Return what a conversion gives, which is asked for distinct values only."""
    distinct, codes = words(text)
    found = convert(distinct)
    return Converted(np.append(found.values, np.nan)[codes], np.append(found.misfits, False)[codes])


def nothing(array: pa.ChunkedArray) -> Converted:
    """Return a conversion that no value fits."""
    return Converted(np.full(len(array), np.nan), flags(array.is_valid()))


def together(parts: list[Converted]) -> Converted:
    """Return conversions below one another."""
    return Converted(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def floats(array: pa.ChunkedArray) -> Floats:
    """Return numbers as float64 that can be written to, NaN for null."""
    values: Floats = array.cast(pa.float64(), safe=False).to_numpy()
    return values if values.flags.writeable else values.copy()


def flags(array: pa.ChunkedArray) -> Flags:
    """Return booleans, False for null."""
    found: NDArray[Any] = pc.fill_null(array, False).to_numpy()
    return found.astype(bool)


def all_true(array: pa.ChunkedArray) -> bool:
    """Return whether all that are not null are true."""
    return bool(pc.all(array, min_count=0).as_py())


def any_true(array: pa.ChunkedArray) -> bool:
    """Return whether any is true."""
    return bool(pc.any(array, min_count=0).as_py())
