"""How a file of separated values is written: its separator and its headings."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from perennial_training.failure import TrainingFailure

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""What values may be parted by, and what that is called."""

SAMPLE = 2**20
"""Bytes from the head of a file by which its form is judged."""
ROWS = 50

_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_EXCEL = re.compile(rb"sep=(.)\r?\n")


@dataclass(frozen=True)
class Dialect:
    """The form of a file; ``start`` is the byte at which its headings begin."""

    separator: str
    headings: tuple[str, ...]
    start: int
    only_headings: bool

    @property
    def spoken(self) -> str:
        """The separator in words."""
        return SEPARATORS.get(self.separator, repr(self.separator))


def dialect(name: str, content: bytes) -> Dialect:
    """Return the form of a file, by its headings and first rows; no headings where it is empty.

    A file whose rows all have one value more than its headings has row names first (as R writes
    them), or a separator after the last value: an empty heading is added there.

    Raises:
        TrainingFailure: it is not UTF-8 by its first bytes.
    """
    for mark, encoding in _OTHER_BOMS.items():
        if content.startswith(mark):
            raise TrainingFailure("DatasetInvalid", f"{name} is {encoding}: save it as UTF-8")
    start = len(_BOM) if content.startswith(_BOM) else 0
    start = _after_empty_lines(content, start)
    declared = None
    if excel := _EXCEL.match(content, start):
        declared = excel.group(1).decode("latin-1")
        start = _after_empty_lines(content, excel.end())
    sample = content[start : start + SAMPLE]
    if len(sample) == SAMPLE:  # the last line may be cut
        sample = sample[: max(sample.rfind(b"\n"), sample.rfind(b"\r")) + 1] or sample
    text = sample.decode("utf-8", errors="replace")
    separator = declared or _separator(name, text)
    rows = _rows(text, separator)
    if not rows:
        return Dialect(separator, (), start, True)
    headings, others = rows[0], rows[1:]
    if others and all(len(row) == len(headings) + 1 for row in others):
        after = all(not row[-1].strip() for row in others)
        headings = [*headings, ""] if after else ["", *headings]
    return Dialect(separator, tuple(headings), start, not others)


def _after_empty_lines(content: bytes, start: int) -> int:
    while content[start : start + 1] in (b"\n", b"\r"):
        start += 1
    return start


def _rows(text: str, separator: str) -> list[Sequence[str]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    csv.field_size_limit(max(csv.field_size_limit(), SAMPLE))
    return [row for row in islice(lines, ROWS) if row]


def _separator(name: str, text: str) -> str:
    """Return the separator by which most rows have as many values as the headings."""
    best, found = (0.0, False, 0), ","
    for separator in SEPARATORS:
        rows = _rows(text, separator)
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        alike = sum(len(row) == width for row in rows)
        longer = sum(len(row) == width + 1 for row in rows[1:])
        share = max(alike, longer + 1) / len(rows)
        named = separator == "\t" and ".tsv" in name.lower()
        score = (share, named, width)
        if score > best:
            best, found = score, separator
    return found
