"""Shares of labels that went wrong: of accuracy, recall, precision and false positives."""

from collections.abc import Callable
from dataclasses import dataclass

from perennial.plan.outcomes.labels import labelled, tells_classes, untold
from perennial_artifact.outcomes import Known, Outcomes


@dataclass(frozen=True)
class LabelledShare:
    """The share of some labels whose prediction went wrong."""

    wrong: Callable[[str, str | None, str], bool | None]
    """Of label, predicted class and positive class; None where the label is none of it."""
    noun: str
    became: str
    """What became of the wrong ones, for people."""
    is_of_class: bool = True
    """It asks about one class."""

    def counted(
        self, outcomes: Outcomes, known: Known, named: str | None
    ) -> tuple[float, float] | None:
        """Return the labels of one age, and how many went wrong; None where that is not known.

        Args:
            outcomes: whose they are.
            known: of that age.
            named: the class that is asked about, None for the second of two.
        """
        positive = self.positive(outcomes, named)
        if positive is None or not tells_classes(outcomes):
            return None
        total = wrong = 0
        for found in labelled(outcomes, known):
            went = self.wrong(found.label, found.predicted, positive)
            total += found.count if went is not None else 0
            wrong += found.count if went else 0
        return float(total), float(wrong)

    def positive(self, outcomes: Outcomes, named: str | None) -> str | None:
        """Return the class that is asked about; None where that is not known."""
        return class_asked(outcomes, named) if self.is_of_class else ""

    def lacks(self, whose: str, outcomes: Outcomes | None, named: str | None) -> str:
        """Return what outcomes lack to be judged, and what to do; '' where they lack nothing."""
        if outcomes is None:
            return untold(whose)
        if why := lacks_classes(whose, outcomes, self.noun):
            return why
        if self.is_of_class and (why := lacks_class(whose, outcomes, named)):
            return why
        found = {label for known in outcomes.known for label in known.labels}
        if found and not found & set(outcomes.classes):
            return (
                f"no label of {whose}'s predictions is one of its classes "
                f"({', '.join(outcomes.classes[:5])}); they are {', '.join(sorted(found)[:5])}: "
                "send labels as the classes are called"
            )
        return ""


def class_asked(outcomes: Outcomes, named: str | None) -> str | None:
    """Return the class that is asked about: the named one, else the second of two; or None."""
    if named is not None:
        return named if named in outcomes.classes else None
    return outcomes.classes[1] if len(outcomes.classes) == 2 else None


def lacks_classes(whose: str, outcomes: Outcomes, noun: str) -> str:
    """Return why it is not known which class was predicted, '' where it is."""
    if outcomes.score not in ("Probability", "Class"):
        return (
            f"the model of {whose} answers with no class, so it has no {noun}: rmse is for "
            "numbers, meanReward for anything"
        )
    if not outcomes.classes:
        return (
            f"the pods of {whose} do not tell the names of its classes: give them in its "
            "manifest.json, or ask for refresh where its serving image is an old one"
        )
    return ""


def lacks_class(whose: str, outcomes: Outcomes, named: str | None) -> str:
    """Return why it is not known which class is asked about, '' where it is."""
    if class_asked(outcomes, named) is not None:
        return ""
    classes = ", ".join(outcomes.classes[:5])
    if named is not None:
        return (
            f"the model of {whose} has no class {named}; its classes are {classes}: name "
            "one of them in positiveClass"
        )
    return (
        f"the model of {whose} has {len(outcomes.classes)} classes ({classes}): say in "
        "positiveClass which one is meant"
    )


ACCURACY = LabelledShare(
    wrong=lambda label, predicted, positive: predicted != label,
    noun="accuracy",
    became="were predicted wrong",
    is_of_class=False,
)
RECALL = LabelledShare(
    wrong=lambda label, predicted, positive: None if label != positive else predicted != positive,
    noun="recall",
    became="of the class were missed",
)
PRECISION = LabelledShare(
    wrong=lambda label, predicted, positive: None if predicted != positive else label != positive,
    noun="precision",
    became="of predictions of the class say that they were wrong",
)
FALSE_POSITIVES = LabelledShare(
    wrong=lambda label, predicted, positive: None if label == positive else predicted == positive,
    noun="false-positive rate",
    became="of other classes were taken for the class",
)
