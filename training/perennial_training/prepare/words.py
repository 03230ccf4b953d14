"""The distinct values of a column of text: what is told of them holds of every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial_training.prepare.gather import Gathered
from perennial_training.prepare.missing import mean_missing
from perennial_training.prepare.moments import ISO_TIME
from perennial_training.prepare.notes import quoted
from perennial_training.prepare.plain import Flags, flags, words

FEW = 40
"""A text column with more distinct values holds no booleans."""


@dataclass(frozen=True)
class Words:
    """Distinct values; ``codes`` say which of them each row has, -1 for missing."""

    column: Gathered
    distinct: pa.ChunkedArray
    codes: NDArray[np.int32]
    mean_missing: Flags
    """Which of the distinct values mean missing among numbers."""

    def count(self, wanted: Flags) -> int:
        """Return how many rows have one of the wanted values."""
        known = self.codes[self.codes >= 0]
        return int(np.bincount(known, minlength=len(wanted))[wanted].sum())

    def match(self, pattern: str) -> Flags:
        """Return which of the distinct values match, white space around them apart."""
        trimmed = pc.utf8_trim_whitespace(self.distinct)
        return flags(pc.match_substring_regex(trimmed, pattern))

    def example(self, wanted: Flags) -> tuple[str, str]:
        """Return the first of the wanted values, quoted, and its file."""
        first = int(np.argmax(np.append(wanted, False)[self.codes]))
        return quoted(self.distinct[int(self.codes[first])].as_py()), self.column.files.place(first)

    def are_booleans(self) -> bool:
        """Return whether all are true or false in any case; 1 and 0 are, beside these."""
        if len(self.distinct) > FEW:
            return False
        known = self.distinct.filter(pa.array(~self.mean_missing)).to_pylist()
        said = {text.strip().lower() for text in known}
        return bool(said & {"true", "false"}) and said <= {"true", "false", "1", "0"}

    def are_times(self) -> bool:
        """Return whether all are dates or times in ISO 8601."""
        fits = self.match(ISO_TIME)
        return bool(fits.any() and (fits | self.mean_missing).all())


def words_of(column: Gathered) -> Words:
    """Return a column as text."""
    distinct, codes = words(column.text())
    return Words(column, distinct, codes, mean_missing(distinct))
