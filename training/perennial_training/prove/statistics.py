"""Metrics of many resamples at once, equal to scikit-learn's scorers on the rows drawn.

A statistic takes numbers of rows, shape [resamples, rows], and gives the metric of each resample,
shape [resamples], NaN where it has none. Most metrics are a mean, counts of classes, or ranks, and
are computed for all resamples in a few passes; all others by the scorer itself, one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_training.prove.answers import Judged
from perennial_training.prove.names import ONE_POSITIVE

Rows = NDArray[np.integer[Any]]
Values = NDArray[np.float64]
Of = Callable[[Rows], Values]

_PAIRS = 4_000_000
"""Pairs of classes, of all resamples at once."""
_SCORER = 20
"""About how many passes over 5,000 rows a call of scikit-learn's scorer takes."""


@dataclass(frozen=True)
class Statistic:
    """A metric of resamples."""

    of: Of
    passes: int = 1
    """What it costs: about so many passes over the rows."""

    def __call__(self, rows: Rows) -> Values:
        """Return the metric of each resample, NaN where it has none."""
        return self.of(rows)


def statistic(judged: Judged, name: str, score: Callable[[Rows], float]) -> Statistic:
    """Return the metric as a statistic.

    Args:
        judged: the answers beside the truth.
        name: the scorer's.
        score: the scorer itself, of the rows of one resample; raises ValueError where it has no
            value.
    """
    everything = np.arange(len(judged))[None]
    quick = _mean(judged, name) or _counted(judged, name) or _ranked(judged, name)
    quick = quick or _of_numbers(judged, name)
    if quick is not None:
        # Whatever another release of scikit-learn may change, what is resampled is its metric.
        found, wanted = float(quick(everything)[0]), score(everything[0])
        if abs(found - wanted) <= 1e-5 * max(1.0, abs(wanted)):
            each_class = name == "average_precision" or name.startswith("roc_auc_")
            return Statistic(quick, judged.classes if each_class else 1)
    return Statistic(_one_by_one(score), _SCORER)


def _one_by_one(score: Callable[[Rows], float]) -> Of:
    def of(rows: Rows) -> Values:
        found = np.full(len(rows), np.nan)
        for i, drawn in enumerate(rows):
            try:
                found[i] = score(drawn)
            except ValueError:  # a class is missing from the resample
                continue
        return found

    return of


def proportion(judged: Judged, name: str) -> tuple[int, int] | None:
    """Return what is right and out of how many, where a metric is such a share; else None."""
    if not judged.classes:
        return None
    right = judged.truth == judged.predicted
    if name in ("accuracy", "f1_micro", "precision_micro", "recall_micro"):
        return int(right.sum()), len(judged)
    if judged.classes == 2 and name in ("recall", "precision"):
        among = judged.truth == 1 if name == "recall" else judged.predicted == 1
        return int((right & among).sum()), int(among.sum())
    if name == "top_k_accuracy" and judged.classes > 2 and judged.probabilities is not None:
        hits = _among_two(judged.truth, judged.probabilities)
        return int(hits.sum()), len(judged)
    return None


# --- means over rows


def _mean(judged: Judged, name: str) -> Of | None:
    losses = _class_losses(judged, name) if judged.classes else _number_losses(judged, name)
    if losses is None:
        return None
    each = np.asarray(losses, dtype=np.float64)

    def of(rows: Rows) -> Values:
        mean: Values = each[rows].mean(axis=1)
        if name == "jaccard_micro":
            return mean / (2 - mean)
        if "root" in name:
            mean = np.sqrt(mean)
        return -mean if name.startswith("neg_") else mean

    return of


def _class_losses(judged: Judged, name: str) -> NDArray[Any] | None:
    truth, shares = judged.truth, judged.probabilities
    if name in ("accuracy", "f1_micro", "precision_micro", "recall_micro", "jaccard_micro"):
        return np.asarray(truth == judged.predicted)
    if shares is None or name not in ("neg_log_loss", "neg_brier_score", "top_k_accuracy"):
        return None
    if judged.classes == 2:
        shares = np.stack([1 - shares[:, 1], shares[:, 1]], axis=1)
    if name == "top_k_accuracy":
        return _among_two(truth, shares)
    if name == "neg_log_loss":
        smallest = np.finfo(shares.dtype).eps
        mine = shares[np.arange(len(truth)), truth]
        return np.asarray(-np.log(np.clip(mine, smallest, 1 - smallest).astype(np.float64)))
    squares = (np.eye(judged.classes)[truth] - shares) ** 2
    return np.asarray(squares.sum(axis=1) / (2 if judged.classes == 2 else 1))


def _among_two(truth: NDArray[Any], shares: NDArray[Any]) -> NDArray[Any]:
    """Return whether the true class is among the two most probable ones, ties as scikit-learn."""
    best = np.argsort(shares, axis=1, kind="stable")[:, ::-1][:, :2]
    return np.asarray((best == truth[:, None]).any(axis=1))


def _number_losses(judged: Judged, name: str) -> NDArray[Any] | None:
    from scipy.special import xlogy

    truth, predicted = judged.truth, judged.predicted
    off = truth - predicted
    losses: NDArray[Any] | None = None
    with np.errstate(all="ignore"):
        match name:
            case "neg_mean_absolute_error":
                losses = np.abs(off)
            case "neg_mean_squared_error" | "neg_root_mean_squared_error":
                losses = off**2
            case "neg_mean_squared_log_error" | "neg_root_mean_squared_log_error":
                losses = (np.log1p(truth) - np.log1p(predicted)) ** 2
            case "neg_mean_absolute_percentage_error":
                losses = np.abs(off) / np.maximum(np.abs(truth), np.finfo(np.float64).eps)
            case "neg_mean_poisson_deviance":
                losses = 2 * (xlogy(truth, truth / predicted) - off)
            case "neg_mean_gamma_deviance":
                losses = 2 * (np.log(predicted / truth) + truth / predicted - 1)
    return losses


# --- counts of classes


def _counted(judged: Judged, name: str) -> Of | None:
    family, _, average = name.partition("_")
    whole = name in ("balanced_accuracy", "matthews_corrcoef")
    parts = family in ("f1", "precision", "recall", "jaccard")
    if not judged.classes or not (whole or (parts and average in ("", "macro", "weighted"))):
        return None
    truth, predicted = judged.truth, judged.predicted
    if name in ONE_POSITIVE:
        predicted = (predicted == 1).astype(np.int64)
    count = int(max(truth.max(), predicted.max(), 1)) + 1
    right = np.where(truth == predicted, truth, count)
    codes = [c.astype(np.int32) for c in (truth, predicted, right)]

    def of(rows: Rows) -> Values:
        true, said, hit = (_counts(c, rows, count) for c in codes)
        if name == "matthews_corrcoef":
            return _matthews(true, said, hit)
        if name == "balanced_accuracy":
            return _average(_ratio(hit, true), (true > 0).astype(float))
        of_class = _ratio(*_parts(family, true, said, hit))
        if average == "":
            return of_class[:, 1]
        weights = true if average == "weighted" else (true + said > 0).astype(float)
        return _average(of_class, weights)

    return of


def _counts(codes: NDArray[np.int32], rows: Rows, count: int) -> Values:
    """Return how often each code below ``count`` is in each resample."""
    first = np.arange(len(rows))[:, None] * (count + 1)
    found = np.bincount((codes[rows] + first).ravel(), minlength=len(rows) * (count + 1))
    return found.reshape(len(rows), count + 1)[:, :count].astype(np.float64)


def _parts(family: str, true: Values, said: Values, hit: Values) -> tuple[Values, Values]:
    match family:
        case "f1":
            return 2 * hit, true + said
        case "precision":
            return hit, said
        case "recall":
            return hit, true
    return hit, true + said - hit  # jaccard


def _ratio(part: Values, whole: Values) -> Values:
    """Return part / whole, 0 where there is nothing, as scikit-learn has it."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _average(values: Values, weights: Values) -> Values:
    with np.errstate(all="ignore"):
        found: Values = (values * weights).sum(axis=1) / weights.sum(axis=1)
    return found


def _matthews(true: Values, said: Values, hit: Values) -> Values:
    """Return the correlation of classes, 0 where all are the same (Gorodkin 2004)."""
    rows = true.sum(axis=1)
    both = hit.sum(axis=1) * rows - (true * said).sum(axis=1)
    spread = (rows**2 - (true**2).sum(axis=1)) * (rows**2 - (said**2).sum(axis=1))
    return _ratio(both, np.sqrt(spread))


# --- ranks


def _ranked(judged: Judged, name: str) -> Of | None:
    shares = judged.probabilities
    if shares is None:
        return None
    pairwise = name in ("roc_auc_ovo", "roc_auc_ovo_weighted")
    if pairwise and judged.classes > 2:
        return _pairwise(judged.truth, shares, name.endswith("weighted"))
    areas = {"roc_auc": _area, "average_precision": _precision}
    areas |= {"roc_auc_ovr": _area, "roc_auc_ovr_weighted": _area}
    kind = areas.get(name) or (_area if pairwise else None)
    if kind is None:
        return None
    if judged.classes == 2:
        return kind(judged.truth == 1, shares[:, 1])
    each = [kind(judged.truth == k, shares[:, k]) for k in range(judged.classes)]
    weighted = name.endswith("weighted")

    def of(rows: Rows) -> Values:
        of_class = np.stack([s(rows) for s in each], axis=1)
        weights = np.ones_like(of_class)
        if weighted:
            weights = _counts(judged.truth.astype(np.int32), rows, judged.classes)
        return _average(of_class, weights)

    return of


def _ranks(scores: NDArray[Any]) -> NDArray[np.int64]:
    """Return ranks from 0, equal ones for ties."""
    return np.unique(scores, return_inverse=True)[1].astype(np.int64)


def _narrow(keys: NDArray[np.int64]) -> NDArray[Any]:
    """Return keys in as few bytes as they take: sorting them is most of the work."""
    return keys.astype(np.int32) if keys.max() < 2**31 else keys


def _area(positive: NDArray[np.bool_], scores: NDArray[Any]) -> Of:
    """Return the area under the ROC curve: how often a positive row is above another one.

    It is the Mann-Whitney statistic, a tie counting half.
    """
    keys = _narrow(_ranks(scores) * 2 + positive)
    ranks = keys >> 1
    tied = np.intersect1d(ranks[positive], ranks[~positive]).size > 0

    def of(rows: Rows) -> Values:
        drawn = np.sort(keys[rows], axis=1)
        above, positives = _pairs(drawn & 1)  # ties: the others come first, so all are below
        if tied:
            flipped = np.sort(keys[rows] ^ 1, axis=1)
            above = (above + _pairs((flipped & 1) ^ 1)[0]) / 2
        with np.errstate(all="ignore"):
            found: Values = above / (positives * (rows.shape[1] - positives))
        return found

    return of


def _pairs(is_positive: NDArray[Any]) -> tuple[Values, Values]:
    """Return how many pairs (other, positive) are in order, and how many positives there are."""
    # Of the rows up to a positive one, all but the positive ones among them are others.
    places = np.arange(1, is_positive.shape[1] + 1, dtype=np.int64)
    positives = is_positive.sum(axis=1).astype(np.float64)
    upto = is_positive.astype(np.float64) @ places.astype(np.float64)
    return upto - positives * (positives + 1) / 2, positives


def _precision(positive: NDArray[np.bool_], scores: NDArray[Any]) -> Of:
    """Return the average precision: at each positive row, the share of them that high or higher."""
    keys = _narrow(_ranks(scores) * 2 + positive)

    def of(rows: Rows) -> Values:
        drawn = np.sort(keys[rows], axis=1)
        is_positive = drawn & 1
        count = rows.shape[1]
        start = _starts(drawn >> 1)
        before = np.cumsum(is_positive, axis=1) - is_positive
        positives = is_positive.sum(axis=1)
        higher = positives[:, None] - np.take_along_axis(before, start, axis=1)
        with np.errstate(all="ignore"):
            found: Values = (is_positive * higher / (count - start)).sum(axis=1) / positives
        return found

    return of


def _starts(ordered: NDArray[Any]) -> NDArray[np.int64]:
    """Return, for each place of ordered rows of ranks, where the run of equal ones starts."""
    places = np.broadcast_to(np.arange(ordered.shape[1]), ordered.shape).copy()
    places[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = 0
    return np.maximum.accumulate(places, axis=1)


def _pairwise(truth: NDArray[Any], shares: NDArray[Any], weighted: bool) -> Of:
    """Return the mean area over all pairs of classes (Hand and Till 2001)."""
    count = shares.shape[1]
    codes = truth.astype(np.int32)
    keys = []
    for a in range(count):
        # Among ties the rows of the class come first, or last: half of each is a tie's half.
        ranks = _ranks(shares[:, a]) * (count + 2)
        keys.append(
            [_narrow(ranks + np.where(truth == a, own, truth + 1)) for own in (0, count + 1)]
        )

    def some(rows: Rows) -> Values:
        sizes = _counts(codes, rows, count)
        areas = np.zeros((len(rows), count, count))
        first = np.arange(len(rows))[:, None] * (count + 2)
        for a in range(count):
            for own, key in zip((0, count + 1), keys[a], strict=True):
                drawn = np.sort(key[rows], axis=1) % (count + 2)
                higher = sizes[:, a, None] - np.cumsum(drawn == own, axis=1)
                where, length = (drawn + first).ravel(), len(rows) * (count + 2)
                pairs = np.bincount(where, weights=higher.ravel(), minlength=length)
                areas[:, a] += pairs.reshape(len(rows), -1)[:, 1:-1] / 2
        with np.errstate(all="ignore"):
            areas /= sizes[:, :, None] * sizes[:, None, :]
        left, right = np.triu_indices(count, 1)
        both = (areas[:, left, right] + areas[:, right, left]) / 2
        weights = sizes[:, left] + sizes[:, right] if weighted else np.ones_like(both)
        return _average(both, weights)

    def of(rows: Rows) -> Values:
        at_once = max(1, _PAIRS // count**2)
        parts = [some(rows[i : i + at_once]) for i in range(0, len(rows), at_once)]
        return np.concatenate(parts)

    return of


# --- other metrics of numbers


def _of_numbers(judged: Judged, name: str) -> Of | None:
    truth, error = judged.truth, judged.truth - judged.predicted
    if judged.classes:
        return None
    if name == "neg_median_absolute_error":
        apart = np.abs(error)
        return lambda rows: -np.median(apart[rows], axis=1)
    if name not in ("r2", "explained_variance"):
        return None
    centred = truth - truth.mean()  # else large numbers of like size lose all their digits

    def of(rows: Rows) -> Values:
        drawn, off = centred[rows], error[rows]
        left = off.var(axis=1) if name == "explained_variance" else (off**2).mean(axis=1)
        spread = drawn.var(axis=1)
        with np.errstate(all="ignore"):
            return np.where(spread > 0, 1 - left / spread, np.nan)

    return of
