"""Error rates where labels come late, and not equally late for all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FEWEST_LABELS = 30
LOWEST_COVERAGE = 0.5


@dataclass(frozen=True)
class LateEstimate:
    """An error rate, its standard error where there is one, and how much of what is due came."""

    value: float
    standard_error: float | None
    labels: float
    coverage: float

    @property
    def known(self) -> bool:
        """Whether there are labels enough to say it at all."""
        return self.labels >= FEWEST_LABELS and self.coverage >= LOWEST_COVERAGE


def by_score_bins(
    rows: Sequence[float], labelled: Sequence[float], wrong: Sequence[float]
) -> LateEstimate | None:
    """Return the error rate of all rows from that of the labelled ones in each score bin.

    Right where, within a bin, a late label is as likely right as an early one (poststratification;
    Holt & Smith 1979). None where a bin with rows has no label.

    Args:
        rows: all predictions by score bin.
        labelled: those whose label has come.
        wrong: wrong ones among these.
    """
    total, value, square = float(sum(rows)), 0.0, 0.0
    for n, k, x in zip(rows, labelled, wrong, strict=True):
        if not n:
            continue
        if not k:
            return None
        rate, share = x / k, n / total
        value += share * rate
        square += share**2 * rate * (1 - rate) / k
    if not total:
        return None
    return LateEstimate(value, math.sqrt(square), sum(labelled), sum(labelled) / total)


def by_inverse_probability(
    wrong: Sequence[bool], share_come: Sequence[float], due: float
) -> LateEstimate | None:
    """Return the error rate with each label counted for those like it that are still to come.

    Each weighs 1 / share of its class' labels that have come at its age, normalised (Hajek 1971).

    Args:
        wrong: for each labelled row, whether the model was wrong.
        share_come: for each, the share of labels of that class that have come at this age.
        due: predictions whose labels are awaited, these included.

    Raises:
        ValueError: a share is not above 0.
    """
    if not wrong:
        return None
    if any(share <= 0 for share in share_come):
        raise ValueError("a label has come although none of its class comes at that age")
    weights = [1 / share for share in share_come]
    value = sum(w for w, x in zip(weights, wrong, strict=True) if x) / sum(weights)
    return LateEstimate(value, None, len(wrong), len(wrong) / due if due else 0.0)


COME = 0.95
"""The share of the labels that have come when they are called known."""
OLD_ENOUGH = 3.0
"""How many horizons old predictions are, from which it is learned how late labels come."""


SETTLED = 1.01
"""A horizon that grows by less than this between two looks is found."""


@dataclass(frozen=True)
class Lateness:
    """How late the labels of one class come, in seconds, of predictions that are old enough."""

    label: str
    labels: int
    half: float
    most: float
    """Within this 95 % of them have come."""


Told = Mapping[str, Sequence[tuple[float, float]]]
"""By class, the age of each labelled prediction, and how old it was when its label came."""


def by_class(told: Told, least_age: float) -> list[Lateness]:
    """Return how late labels come of each class that has enough, of predictions of such an age."""
    old = {
        label: sorted(delay for age, delay in pairs if age >= least_age)
        for label, pairs in told.items()
    }
    return [
        Lateness(label, len(delays), _quantile(delays, 0.5), _quantile(delays, COME))
        for label, delays in sorted(old.items())
        if len(delays) >= FEWEST_LABELS
    ]


def horizon(told: Told) -> tuple[float | None, list[Lateness]]:
    """Return the age at which labels are in, None where that is not known, and it by class.

    The largest, over classes, at which 95 % of a class' labels have come: they are not equally
    late. Of young predictions only the early labels can have come, so only those count that are
    three times as old; where so few are left that nothing is known, nothing is said.
    """
    age = 0.0
    for _ in range(8):
        known = by_class(told, OLD_ENOUGH * age)
        if not known:
            return None, []
        found = max(each.most for each in known)
        if found <= SETTLED * age:
            return max(found, age), known
        age = found
    return None, []


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the lowest value that so large a share does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
