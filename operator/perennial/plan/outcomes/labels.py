"""What became known of a version's predictions: labels beside what was predicted, by age."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from perennial_artifact.outcomes import AGES, Known, Outcomes
from perennial_artifact.scores import class_of, probabilities

SECOND = 0.5
"""The probability from which on the second of two classes is the answer."""


@dataclass(frozen=True)
class Labelled:
    """Predictions of one score with one label; ``predicted`` is None where they were no answer."""

    label: str
    predicted: str | None
    byte: int
    count: int


def by_age(outcomes: Outcomes | None) -> list[Known]:
    """Return what is known of a version's predictions for each of ``AGES``."""
    found = {known.age: known for known in outcomes.known} if outcomes is not None else {}
    return [found.get(age, Known(age=age)) for age in AGES]


def labelled(outcomes: Outcomes, known: Known) -> Iterator[Labelled]:
    """Return the labels of one age beside what was predicted."""
    predicted = _predicted(outcomes)
    for label, counts in known.labels.items():
        for byte, count in counts.items():
            yield Labelled(label, predicted(byte), byte, count)


def labels_of(outcomes: Outcomes | None) -> int:
    """Return how many labels of a version became known."""
    found = outcomes.known if outcomes is not None else []
    return sum(sum(counts.values()) for known in found for counts in known.labels.values())


def given(outcomes: Outcomes | None) -> int:
    """Return how many predictions got a receipt."""
    return sum(outcomes.given.values()) if outcomes is not None else 0


def tells_classes(outcomes: Outcomes) -> bool:
    """Tell whether it is known which class each prediction said."""
    return outcomes.score in ("Probability", "Class") and len(outcomes.classes) > 1


def untold(name: str) -> str:
    """Return that an arm's pods count no outcomes, and what to do."""
    return (
        f"no pod of {name} tells what became of its predictions: it needs spec.serving.receipts, "
        "and the key of the Secret NAME-receipts; what began without gives no receipts"
    )


def _predicted(outcomes: Outcomes) -> Callable[[int], str | None]:
    """Return what gives the class that a byte says, None where it says none."""
    classes = outcomes.classes
    if not tells_classes(outcomes):
        return lambda byte: None
    if outcomes.score == "Probability":

        def second(byte: int) -> str | None:
            between = probabilities(byte)
            return None if between is None else classes[between[0] >= SECOND]

        return second

    def named(byte: int) -> str | None:
        index = class_of(byte, len(classes)) if byte else len(classes)
        return classes[index] if index < len(classes) else None

    return named
