"""Words that mean missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from perennial_training.prepare.plain import Flags, flags, words

WORDS = (
    *("na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "null", "none", "nil", "\\n"),
    *("?", "-", "--", ".", "1.#qnan", "-1.#ind"),
)
"""Words that mean missing among numbers, booleans and times, in any case; in text they do not."""


def mean_missing(text: pa.ChunkedArray) -> Flags:
    """Return which texts mean missing among numbers; nothing and white space alone do, too."""
    distinct, codes = words(text)
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(distinct))
    found = flags(pc.is_in(lower, pa.array(["", *WORDS], pa.large_string())))
    of_each: Flags = np.append(found, True)[codes]
    return of_each
