"""What can be said of predictions whose labels still come: by those that have come so far.

Each label is counted for those like it that are still to come (Hajek 1971), by how
late labels of its class usually are. So a class whose labels come fast does not flatter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perennial_statistics.late_labels import LateEstimate, by_inverse_probability
from perennial_training.report.measures import Measure, positive_of
from perennial_training.report.predicted import Predicted

LEAST_COME = 0.2
"""The share of a class' labels that must have come: rarer ones would count for too many."""


def early(
    found: Predicted,
    measure: Measure,
    delays: Mapping[str, Sequence[float]],
    until: float,
    oldest: float,
) -> LateEstimate | None:
    """Return a share of what is counted of young predictions, None where it is not known.

    Args:
        found: all predictions.
        measure: a share of labels.
        delays: by class, how late labels of old predictions came, in seconds.
        until: now, in seconds since 1970.
        oldest: predictions from here on are young.
    """
    classes = _concerned(found, measure, delays)
    if not measure.is_share or not measure.matures or not classes:
        return None
    known = {name: np.sort(np.asarray(delays[name], dtype=float)) for name in classes}
    least = max(float(np.quantile(of, LEAST_COME, method="inverted_cdf")) for of in known.values())
    mask, wrong = measure.of(found)
    chosen = mask & (found.made >= oldest) & (found.made <= until - least)
    shares = np.ones(len(found))
    for name, of in known.items():
        here = chosen & ((found.label_text == name) | (len(known) == 1))
        come = np.searchsorted(of, until - found.made[here], side="right") / len(of)
        shares[here] = np.maximum(come, LEAST_COME)
    if not chosen.any():
        return None
    come = shares[chosen]
    flags = [bool(w) for w in wrong[chosen]]
    return by_inverse_probability(flags, come.tolist(), float((1 / come).sum()))


def _concerned(
    found: Predicted, measure: Measure, delays: Mapping[str, Sequence[float]]
) -> list[str]:
    """Return the classes whose labels a metric waits for; none where one is not known."""
    if measure.asked.kind != "recall":
        return list(delays)
    positive = positive_of(measure.asked, found.classes)
    name = found.classes[positive] if positive is not None else ""
    return [name] if name in delays else []
