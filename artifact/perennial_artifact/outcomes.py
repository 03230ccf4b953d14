"""Outcomes: what became known of predictions later, by the version that predicted.

They are added up, over pods, restarts and time. In JSON: ``docs/windows.md``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from perennial_artifact.base import Document

AGES = (60, 600, 3_600, 21_600, 86_400)
"""Classes of how old a prediction was when its outcome came: up to so many seconds."""
VERSION_LENGTH = 12
"""Characters of the SHA-256 of a version's manifest that stand for it."""

Count = Annotated[int, Meta(ge=0, le=2**53)]
Byte = Annotated[int, Meta(ge=0, le=255)]
Counts = dict[Byte, Count]
"""How many by score, as :mod:`perennial_artifact.scores` says."""


class Rewards(Struct, frozen=True, array_like=True):
    """How many rewards there were, their sum, and that of their squares."""

    count: Count
    sum: float
    squares: float


class Errors(Struct, frozen=True, array_like=True):
    """How many errors (prediction minus label), their sum, those of their sizes, of their squares,
    and of the squares of these."""

    count: Count
    sum: float
    sizes: float
    squares: float
    fourths: float


class Known(Document, forbid_unknown_fields=False, kw_only=True):
    """What became known of predictions of one class of age: the first of ``AGES`` not exceeded.

    Of numbers there are errors, of classes labels: by their text, and then by score.
    """

    age: Count
    labels: dict[str, Counts] = {}
    errors: Errors | None = None
    rewards: Rewards | None = None


class Outcomes(Document, forbid_unknown_fields=False, kw_only=True):
    """The outcomes of one version's predictions.

    ``given`` are rows that got a receipt in this time, of this version's own pods; ``known`` is
    what arrived in this time, at any pod.
    """

    version: Annotated[str, Meta(max_length=VERSION_LENGTH)]
    score: Annotated[str, Meta(max_length=32)]
    """What its bytes say; a newer server may know more than this reader."""
    given: Counts = {}
    known: list[Known] = []
    classes: list[str] = []
    """The classes that its bytes number, as far as they are known: its own pods tell them."""


def add_outcomes(found: Iterable[Sequence[Outcomes]]) -> list[Outcomes]:
    """Add outcomes up: those of several pods, or of several times that do not overlap."""
    versions: dict[tuple[str, str], list[Outcomes]] = {}
    for each in (one for several in found for one in several):
        versions.setdefault((each.version, each.score), []).append(each)
    return [_version(*key, versions[key]) for key in sorted(versions)]


def _version(version: str, score: str, found: Sequence[Outcomes]) -> Outcomes:
    ages: dict[int, list[Known]] = {}
    for known in (known for each in found for known in each.known):
        ages.setdefault(known.age, []).append(known)
    return Outcomes(
        version=version,
        score=score,
        given=_counts([each.given for each in found]),
        known=[_known(age, ages[age]) for age in sorted(ages)],
        classes=next((each.classes for each in found if each.classes), []),
    )


def _known(age: int, found: Sequence[Known]) -> Known:
    labels: dict[str, list[Counts]] = {}
    for label, counts in (item for each in found for item in each.labels.items()):
        labels.setdefault(label, []).append(counts)
    errors = [each.errors for each in found if each.errors is not None]
    rewards = [each.rewards for each in found if each.rewards is not None]
    return Known(
        age=age,
        labels={label: _counts(labels[label]) for label in sorted(labels)},
        errors=Errors(*_sums(errors)) if errors else None,
        rewards=Rewards(*_sums(rewards)) if rewards else None,
    )


def _counts(found: Sequence[Mapping[int, int]]) -> Counts:
    sums: Counts = {}
    for byte, count in (item for each in found for item in each.items()):
        sums[byte] = sums.get(byte, 0) + count
    return {byte: sums[byte] for byte in sorted(sums)}


def _sums(found: Sequence[Errors] | Sequence[Rewards]) -> list[Any]:
    rows = [[getattr(each, name) for name in each.__struct_fields__] for each in found]
    return [sum(column) for column in zip(*rows, strict=True)]
