"""Pairs: answers of two versions to the same requests, found by what names a request.

Each pod keeps the answers to those requests whose names have the smallest hashes, by a key that all
pods of a deployment have; so pods that get the same requests keep the same ones, however many.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from perennial_artifact.base import Document

Hash = Annotated[int, Meta(ge=0, lt=2**53)]


class Answered(Struct, frozen=True, array_like=True):
    """The answer to one request, by the hash of its name: its first row's score, or number."""

    request: Hash
    answer: float


class Pairs(Document, forbid_unknown_fields=False, kw_only=True):
    """Answers of one version."""

    score: Annotated[str, Meta(max_length=32)]
    """What an answer says: a byte, as :mod:`perennial_artifact.scores` has it, or a number."""
    answers: list[Answered] = []


def add_pairs(found: Sequence[Pairs]) -> Pairs:
    """Add up the answers of one version's pods, or of times that do not overlap.

    A request that was answered twice is dropped: it is not known which answer the other one had.

    Raises:
        ValueError: they say different things.
    """
    score = found[0].score
    if any(each.score != score for each in found):
        raise ValueError("answers of different kinds are no pairs")
    return Pairs(score=score, answers=_once(a for each in found for a in each.answers))


def _once(answers: Iterable[Answered]) -> list[Answered]:
    kept: dict[int, Answered | None] = {}
    for each in answers:
        kept[each.request] = None if each.request in kept else each
    return [each for _, each in sorted(kept.items()) if each is not None]


def paired(one: Pairs, other: Pairs) -> list[tuple[float, float]]:
    """Return the answers of two versions to the requests that both kept, by their hashes.

    Raises:
        ValueError: they say different things.
    """
    if one.score != other.score:
        raise ValueError("answers of different kinds are no pairs")
    known = {each.request: each.answer for each in other.answers}
    return [(a.answer, known[a.request]) for a in one.answers if a.request in known]
