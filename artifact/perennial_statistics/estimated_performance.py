"""Performance before labels come, from how often each band of scores was right before.

It finds what a change of the inputs does to a model. It cannot see concept drift: that the same
inputs now mean something else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

NORMAL_975 = 1.96
BINS = 50


@dataclass(frozen=True)
class Estimate:
    """An estimated metric, its standard error, and how far binning alone may move it."""

    value: float
    standard_error: float
    bound: float = 0.0
    of_a_row: float = 0.0
    """Variance that comes of which scores rows have: over n rows it is a part in n of this."""


def joined_bins(rows: Sequence[float], first_positive: int, most: int = BINS) -> list[range]:
    """Return which neighbouring bins are one, so that each has labelled rows to speak of.

    About ``most`` of them, with as many rows each as whole bins allow; half a positive is added to
    each for its rate, which of many empty ones makes a good model look bad.

    Args:
        rows: labelled rows of each bin.
        first_positive: the decision threshold, which stays an edge.
        most: bins that are aimed at.
    """
    least = sum(rows) / most
    found: list[range] = []
    for side in (range(first_positive), range(first_positive, len(rows))):
        start, held, ours = side.start, 0.0, list[range]()
        for place in side:
            held += rows[place]
            if held >= least:
                ours.append(range(start, place + 1))
                start, held = place + 1, 0.0
        if start < side.stop:  # the rest is too little, if there is another one
            start = ours.pop().start if ours else start
            ours.append(range(start, side.stop))
        found += ours
    return found


def isotonic_rates(positives: Sequence[float], rows: Sequence[float]) -> list[float]:
    """Return rising shares of positives by score bin, from labelled held-out rows.

    (k + 1/2) / (n + 1), then pooled where they fall (Ayer et al. 1955, pool adjacent violators).

    Args:
        positives: positives of each bin, from the lowest scores to the highest.
        rows: rows of each bin.
    """
    blocks: list[tuple[float, float, int]] = []  # weighted sum, weight, bins
    for k, n in zip(positives, rows, strict=True):
        weight = n + 1
        blocks.append((k + 0.5, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, weight, bins = blocks.pop()
            before, before_weight, before_bins = blocks.pop()
            blocks.append((before + total, before_weight + weight, before_bins + bins))
    return [total / weight for total, weight, bins in blocks for _ in range(bins)]


def two_classes(
    rates: Sequence[float],
    labelled_rows: Sequence[float],
    window_rows: Sequence[float],
    first_positive: int,
) -> dict[str, Estimate]:
    """Return accuracy, precision, recall, f1 and roc_auc, where they are defined.

    Expected confusion by bin (CBPE: Bialek et al. 2024, arXiv 2401.08348), with standard errors by
    the delta method, for the window's own labels and those that the rates came from.

    Args:
        rates: share of positives of each score bin among labelled rows, ``isotonic_rates``.
        labelled_rows: rows behind each rate.
        window_rows: live rows of each bin.
        first_positive: bins from here on are predicted positive; the decision threshold is an edge.

    Raises:
        ValueError: the bins differ, or the window is empty.
    """
    total = float(sum(window_rows))
    if not total or not len(rates) == len(labelled_rows) == len(window_rows):
        raise ValueError("an estimate needs rows, and as many rates as bins")
    q = [n / total for n in window_rows]
    positive = [i >= first_positive for i in range(len(q))]
    p = sum(x * r for x, r in zip(q, rates, strict=True))
    predicted = sum(q[first_positive:])
    hit = sum(q[i] * rates[i] for i in range(first_positive, len(q)))

    def estimate(
        value: float, gradient: Sequence[float], by_share: Sequence[float], bound: float = 0.0
    ) -> Estimate:
        square = sum(
            g * g * r * (1 - r) * (1 / w + 1 / (n + 1))
            for g, r, w, n in zip(gradient, rates, window_rows, labelled_rows, strict=True)
            if w
        )
        mean = sum(x * s for x, s in zip(q, by_share, strict=True))
        of_a_row = sum(x * (s - mean) ** 2 for x, s in zip(q, by_share, strict=True))
        return Estimate(value, math.sqrt(square), bound, of_a_row)

    accuracy = sum(x * (r if up else 1 - r) for x, r, up in zip(q, rates, positive, strict=True))
    bins = list(zip(q, positive, strict=True))
    rated = list(zip(rates, positive, strict=True))
    gradient = [x if up else -x for x, up in bins]
    by_share = [r if up else 1 - r for r, up in rated]
    found = {"accuracy": estimate(accuracy, gradient, by_share)}
    if predicted:
        gradient = [x / predicted if up else 0.0 for x, up in bins]
        by_share = [(r - hit / predicted) / predicted if up else 0.0 for r, up in rated]
        found["precision"] = estimate(hit / predicted, gradient, by_share)
    if p:
        recall = hit / p
        gradient = [x * (up - recall) / p for x, up in bins]
        by_share = [r * (up - recall) / p for r, up in rated]
        found["recall"] = estimate(recall, gradient, by_share)
    if p + predicted:
        f1 = 2 * hit / (p + predicted)
        gradient = [x * (2 * up - f1) / (p + predicted) for x, up in bins]
        by_share = [(2 * up * r - f1 * (up + r)) / (p + predicted) for r, up in rated]
        found["f1"] = estimate(f1, gradient, by_share)
    if 0 < p < 1:
        found["roc_auc"] = estimate(*_area(q, rates, p))
    return found


def _area(
    q: Sequence[float], rates: Sequence[float], p: float
) -> tuple[float, list[float], list[float], float]:
    """Return the area under the curve, its gradients by rate and by share, and what the bins leave
    open."""
    positives = [x * r for x, r in zip(q, rates, strict=True)]
    negatives = [x * (1 - r) for x, r in zip(q, rates, strict=True)]
    below, above, area = 0.0, p, 0.0
    slopes, by_share = [], []
    for x, r, up, down in zip(q, rates, positives, negatives, strict=True):
        above -= up
        area += up * (below + down / 2)
        slopes.append(x * (below + down / 2) - x * (above + up / 2))
        by_share.append(r * (below + down / 2) + (1 - r) * (above + up / 2))
        below += down
    pairs = p * (1 - p)
    auc = area / pairs
    gradient = [(s - auc * x * (1 - 2 * p)) / pairs for s, x in zip(slopes, q, strict=True)]
    by_share = [
        (s - auc * (r * (1 - p) + (1 - r) * p)) / pairs
        for s, r in zip(by_share, rates, strict=True)
    ]
    within = sum(a * b for a, b in zip(positives, negatives, strict=True)) / 2 / pairs
    return auc, gradient, by_share, within


def several_classes(
    right: Sequence[float], labelled_rows: Sequence[float], window_rows: Sequence[float]
) -> Estimate:
    """Return the accuracy from bins of (predicted class, confidence).

    Args:
        right: share of right answers of each bin among labelled rows.
        labelled_rows: rows behind each share.
        window_rows: live rows of each bin.

    Raises:
        ValueError: the window is empty.
    """
    total = float(sum(window_rows))
    if not total:
        raise ValueError("an estimate needs rows")
    value = square = 0.0
    for a, n, w in zip(right, labelled_rows, window_rows, strict=True):
        value += w / total * a
        square += (w / total) ** 2 * a * (1 - a) * (1 / w + 1 / (n + 1)) if w else 0.0
    return Estimate(value, math.sqrt(square))


def degraded(
    estimate: Estimate,
    reference: float,
    tolerance: float,
    errors: float = NORMAL_975,
    mix_variance: float = 0.0,
) -> bool:
    """Tell whether even the upper end of what an estimate may be is too low.

    Args:
        estimate: of the window.
        reference: what it should be.
        tolerance: by how much it may be below.
        errors: standard errors that rule out chance; by default at 97.5 %.
        mix_variance: that of the difference by which scores came, where nothing changed. The
            estimate's own error is of the labels alone: a window that by luck has none of the few
            scores that are alerts would surely have caught nothing.
    """
    error = math.hypot(estimate.standard_error, math.sqrt(mix_variance))
    highest = estimate.value + errors * error + estimate.bound
    return highest < reference - tolerance
