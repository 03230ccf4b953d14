"""Pairs: answers of two versions to the same requests, found by what names a request.

Each pod keeps the answers to the requests whose names have the smallest hashes, by a key that all
pods of a deployment have. So pods that get the same requests keep the same ones, however many pods
a version has, and however many requests come.
"""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

from perennial_artifact.base import Document

Hash = Annotated[int, Meta(ge=0, lt=2**53)]


class Answered(Struct, frozen=True, array_like=True):
    """The answer to one request: its first row's byte or, of numbers, the number itself.

    None where the name came twice: then it is not known which answer belongs to the other's.
    """

    request: Hash
    """The hash of its name."""
    answer: float | None


class Pairs(Document, forbid_unknown_fields=False, kw_only=True):
    """Answers of one version, in the order of their requests' hashes."""

    version: Annotated[str, Meta(max_length=12)]
    """As outcomes have it."""
    score: Annotated[str, Meta(max_length=32)]
    """What the answers say, as :mod:`perennial_artifact.scores` has it."""
    classes: list[str] = []
    """The classes that its bytes number, where they do."""
    answers: list[Answered] = []


def add_pairs(found: Iterable[Pairs]) -> Pairs:
    """Add up the answers of one version's pods, or of times that do not overlap.

    Raises:
        ValueError: there is none, or they are of several versions.
    """
    several = list(found)
    kinds = {(each.version, each.score) for each in several}
    if len(kinds) != 1:
        raise ValueError("only the answers of one version add up")
    kept: dict[int, float | None] = {}
    for each in (answered for pairs in several for answered in pairs.answers):
        kept[each.request] = None if each.request in kept else each.answer
    return several[0].replace(answers=[Answered(*item) for item in sorted(kept.items())])


def paired(one: Pairs, other: Pairs) -> list[tuple[float, float]]:
    """Return the answers of two versions to the requests that both kept, once each.

    Raises:
        ValueError: their answers say different things.
    """
    if one.score != other.score:
        raise ValueError(f"answers that say {one.score} and {other.score} are no pairs")
    known = {each.request: each.answer for each in other.answers}
    both = ((each.answer, known.get(each.request)) for each in one.answers)
    return [(a, b) for a, b in both if a is not None and b is not None]
