"""What should be known about the files of a dataset, gathered and kept short."""

from __future__ import annotations

from collections.abc import Sequence

from perennial_artifact.result import Note

LONGEST = 512
EACH = 4
"""Sentences of one subject that are told each by itself; of further columns only the names are."""


def note(check: str, message: str) -> Note:
    """Return a finding, cut to what a status can hold."""
    return Note(check=check, message=_cut(message, LONGEST))


def listing(names: Sequence[str], most: int = 12) -> str:
    """Return names in one line, cut sensibly where there are many of them."""
    shown = ", ".join(_cut(name, 64) for name in names[:most])
    rest = len(names) - most
    return f"{shown} and {rest} other{'s' if rest > 1 else ''}" if rest > 0 else shown


def quoted(value: object) -> str:
    """Return a value in quotation marks, cut."""
    return repr(_cut(str(value), 40))


def counted(number: int, noun: str, verb: str = "") -> str:
    """Return a number with its noun and its verb: ``1 value is``, ``1,200 values are``."""
    spoken = f"{number:,} {noun if number == 1 else noun + 's'}"
    if verb:
        spoken += f" {verb if number == 1 else _PLURAL[verb]}"
    return spoken


_PLURAL = {"is": "are", "has": "have"}


class Notes:
    """Sentences by subject and column."""

    def __init__(self, first: Sequence[Note] = ()) -> None:
        self._first = first
        self._by_subject: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def add(self, check: str, subject: str, column: str, message: str) -> None:
        """Note a sentence about a column; ``subject`` is what alike ones have in common."""
        self._by_subject.setdefault((check, subject), []).append((column, message))

    def all(self) -> tuple[Note, ...]:
        """Return the findings, with at most ``EACH`` sentences of a subject."""
        found = list(self._first)
        for (check, subject), notes in self._by_subject.items():
            found += [note(check, message) for _, message in notes[:EACH]]
            if others := [column for column, _ in notes[EACH:]]:
                found.append(note(check, f"{subject}: also {listing(others)}"))
        return tuple(found)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
