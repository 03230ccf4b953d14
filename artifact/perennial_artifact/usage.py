"""Usage: who asks, and what is refused for which cause, in slices of time.

Names of callers are what clients say, so a pod names a few of them and counts the others together;
fields are the model's own inputs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from perennial_artifact.base import Document

K = TypeVar("K", str, tuple[str, str])

SLICES = 24
"""A window is told in so many slices, or fewer; so it can be seen how requests come in bursts."""
CALLERS_NAMED = 32
"""Callers that are named in one slice or bucket of time, those that ask most: whoever makes up a
name for each request must not make an answer so long that nobody reads it."""
FIELDS_NAMED = 8
"""Causes with their inputs that are named in one; others without the input."""
FIELD_LENGTH = 253
"""Characters of an input's name; longer ones are cut, for a status takes no more."""
NAME_LENGTH = 63
"""Characters of a caller's name; longer ones are cut."""

OF_INPUTS = ("Missing", "Unknown", "WrongType")
"""Causes that an input is missing, is none of the model's, or has another type or shape."""

Count = Annotated[int, Meta(ge=0, le=2**53)]
Second = Annotated[int, Meta(ge=0, le=2**53)]


class Refusal(Struct, frozen=True, array_like=True):
    """Requests that were not answered for one cause; ``field`` is an input, '' where it is none."""

    cause: Annotated[str, Meta(max_length=32)]
    """``Missing``, ``Unknown``, ``WrongType``: an input's; ``Malformed``, ``TooLarge``: the
    request's; ``Overload``, ``Failed``: the server's."""
    field: Annotated[str, Meta(max_length=256)]
    requests: Count


class Caller(Struct, frozen=True, array_like=True):
    """Requests of one caller; '' is who said no name."""

    name: Annotated[str, Meta(max_length=NAME_LENGTH)]
    requests: Count


class Slice(Struct, frozen=True, array_like=True):
    """What came in ``[start, start + seconds)``; a slice without a request is left out."""

    start: Second
    seconds: Annotated[int, Meta(ge=1, le=2**31)]
    answered: Count
    refusals: list[Refusal]
    callers: list[Caller]
    others: Count
    """Requests of callers that are not named."""

    @property
    def requests(self) -> int:
        """All requests that were answered, in whatever way."""
        return self.answered + sum(r.requests for r in self.refusals)


class Usage(Document, forbid_unknown_fields=False, omit_defaults=False, kw_only=True):
    """Requests by slices of time; callers are named by ``header``, nobody is where it is empty."""

    header: Annotated[str, Meta(max_length=256)] = ""
    slices: list[Slice] = []


def add_usage(found: Iterable[Usage]) -> Usage:
    """Add up the usage of several pods, or of times that do not overlap.

    Raises:
        ValueError: there is none.
    """
    several = list(found)
    if not several:
        raise ValueError("no usage to add up")
    by_time: dict[tuple[int, int], list[Slice]] = {}
    for each in (one for usage in several for one in usage.slices):
        by_time.setdefault((each.start, each.seconds), []).append(each)
    headers = {usage.header for usage in several}
    return Usage(
        header=headers.pop() if len(headers) == 1 else "",
        slices=[_sum(by_time[key]) for key in sorted(by_time)],
    )


def total(slices: Sequence[Slice]) -> tuple[int, Counter[tuple[str, str]], Counter[str], int]:
    """Return how many were answered; refused by cause and input; of callers, and of others."""
    refused: Counter[tuple[str, str]] = Counter()
    callers: Counter[str] = Counter()
    for each in slices:
        refused.update({(r.cause, r.field): r.requests for r in each.refusals})
        callers.update({c.name: c.requests for c in each.callers})
    return sum(s.answered for s in slices), refused, callers, sum(s.others for s in slices)


def told(
    start: int,
    seconds: int,
    answered: int,
    refused: Counter[tuple[str, str]],
    callers: Counter[str],
    others: int,
) -> Slice:
    """Return a slice; it names what is most, in the order of its name: equal ones are equal."""
    kept = _most({key: n for key, n in refused.items() if key[1]}, FIELDS_NAMED)
    causes: Counter[tuple[str, str]] = Counter()
    for key, count in refused.items():
        causes[key if key in kept else (key[0], "")] += count
    refusals = [Refusal(*key, count) for key, count in sorted(causes.items())]
    names = _most(callers, CALLERS_NAMED)
    named = [Caller(name, callers[name]) for name in sorted(names)]
    others += sum(count for name, count in callers.items() if name not in names)
    return Slice(start, seconds, answered, refusals, named, others)


def _most(counts: Mapping[K, int], most: int) -> set[K]:
    """Return so many keys at most, those of the largest counts."""
    if len(counts) <= most:
        return set(counts)
    order = sorted(counts, key=lambda key: (-counts[key], key))
    return set(order[:most])


def slice_width(start: int, end: int, width: int) -> int:
    """Return the seconds of the slices of ``[start, end)``: a multiple of its buckets' width."""
    return -(-(end - start) // (SLICES * width)) * width


def _sum(slices: Sequence[Slice]) -> Slice:
    return told(slices[0].start, slices[0].seconds, *total(slices))
