"""Who asks, and what is refused for which cause, by the moment of the answer."""

from __future__ import annotations

import codecs
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Self, TypeVar

from perennial_artifact.buckets import Buckets
from perennial_artifact.sketch import TIERS
from perennial_artifact.usage import (
    CALLERS_NAMED,
    FIELD_LENGTH,
    FIELDS_NAMED,
    NAME_LENGTH,
    Slice,
    Usage,
    slice_width,
    told,
)

K = TypeVar("K")

CAUSES = ("Missing", "Unknown", "WrongType", "Malformed", "TooLarge", "Overload", "Failed")
# What an entry of a dictionary takes, with a name of its own.
_REFUSAL_BYTES, _CALLER_BYTES = 100, 200
# Callers whose names are remembered as text.
_REMEMBERED = 1024


class Counted:
    """What one bucket of time counts."""

    __slots__ = ("answered", "callers", "others", "refused")

    def __init__(self) -> None:
        self.answered = self.others = 0
        self.refused: dict[tuple[str, str], int] = {}
        self.callers: dict[str, int] = {}

    def refuse(self, cause: str, field: str, count: int = 1) -> None:
        """Count requests that were refused; of many inputs the later ones are not named."""
        key = (cause, field)
        if key not in self.refused and field and len(self.refused) >= FIELDS_NAMED:
            key = (cause, "")
        self.refused[key] = self.refused.get(key, 0) + count

    def call(self, name: str) -> None:
        """Count a request of a caller; of many the one that asked least loses its name.

        So who asks often is named, though others make up a new name for each request (Metwally,
        Agrawal & El Abbadi, ICDT 2005, but that nobody is given what others asked).
        """
        callers = self.callers
        if name not in callers and len(callers) >= CALLERS_NAMED:
            self.others += callers.pop(min(callers, key=callers.__getitem__))
        callers[name] = callers.get(name, 0) + 1

    def __add__(self, other: Self, /) -> Self:
        """Return what both count; those that asked most are named."""
        found = type(self)()
        found.answered = self.answered + other.answered
        found.others = self.others + other.others
        for (cause, field), count in _largest(self.refused, other.refused):
            found.refuse(cause, field, count)
        callers = _largest(self.callers, other.callers)
        found.callers = dict(callers[:CALLERS_NAMED])
        found.others += sum(count for _, count in callers[CALLERS_NAMED:])
        return found


class UsageCounts:
    """Requests by time; it belongs to the event loop's thread."""

    def __init__(self, inputs: Iterable[str], header: str = "") -> None:
        """Count what is refused of these inputs, and callers by the header of that name."""
        self.header = header.lower()
        self._inputs = frozenset(inputs)
        self._names: dict[bytes, str] = {}
        size = (FIELDS_NAMED + len(CAUSES)) * _REFUSAL_BYTES
        if header:
            size += (CALLERS_NAMED + 1) * _CALLER_BYTES
        self.buckets: Buckets[Counted] = Buckets(Counted, size, TIERS)

    def answered(self, cause: str, field: str, caller: bytes | None, now: float) -> None:
        """Count one answer: '' or why there was none, of which input, and who asked."""
        counted = self.buckets.at(now)
        if cause:
            counted.refuse(cause, field[:FIELD_LENGTH] if field in self._inputs else "")
        else:
            counted.answered += 1
        if self.header:
            counted.call(self._name(caller) if caller else "")

    def between(self, start: int, end: int, now: float) -> Usage:
        """Return what was counted in ``[start, end)``, bounds of closed buckets."""
        slices: dict[int, list[Counted]] = {}
        seconds = slice_width(start, end, self.buckets.width(start, now))
        for moment, _, counted in self.buckets.between(start, end, now):
            slices.setdefault((moment - start) // seconds, []).append(counted)
        return Usage(
            header=self.header,
            slices=[_slice(start + n * seconds, seconds, slices[n]) for n in sorted(slices)],
        )

    def _name(self, said: bytes) -> str:
        """Return a caller's name as a status may carry it."""
        known = self._names.get(said)
        if known is None:
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            text = _text(said)[:NAME_LENGTH]
            known = "".join(c if c.isprintable() else "?" for c in text)
            if len(said) <= 4 * NAME_LENGTH:  # what is remembered is bounded, too
                self._names[said] = known
        return known


def _text(said: bytes) -> str:
    """Return a header's value as text, one for all ways to write it: UTF-8 or else Latin-1, NFC."""
    begins = said[: 4 * NAME_LENGTH]
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        # What is cut may end within a character.
        text = decoder.decode(begins, final=len(begins) == len(said))
    except UnicodeDecodeError:
        text = begins.decode("latin-1")
    return unicodedata.normalize("NFC", text)


def _largest(one: dict[K, int], other: dict[K, int]) -> list[tuple[K, int]]:
    return (Counter(one) + Counter(other)).most_common()


def _slice(start: int, seconds: int, found: list[Counted]) -> Slice:
    refused: Counter[tuple[str, str]] = Counter()
    callers: Counter[str] = Counter()
    for counted in found:
        refused.update(counted.refused)
        callers.update(counted.callers)
    answered = sum(c.answered for c in found)
    return told(start, seconds, answered, refused, callers, sum(c.others for c in found))
