"""What should be known about a dataset before anybody waits for a fit.

Each check is a pure function of the rows; what it finds is told, or refused where that is asked
for. The limits are for tables of ordinary size; none is a reason to refuse by itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial_artifact.manifest import Column
from perennial_artifact.result import CheckName, Note
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.hashes import mixed, row_sums
from perennial_training.prepare.values import is_missing
from perennial_training.seed import SEED

NEARLY_ALL = 0.99
MOSTLY_MISSING = 0.5
IDENTIFIER_SHARE = 0.9
RARE_CLASS = 0.01
FEW_OF_A_CLASS = 10
DUPLICATES = 0.05
SHARED = 0.01
LEAKING_SCORE = 0.995
SAMPLE, FOLDS = 2_000, 5
NAMED = 8
"""So many columns are named in a sentence."""


@dataclass(frozen=True)
class Rows:
    """The rows as checks see them: canonical features, the answer, which rows were held out."""

    features: pd.DataFrame
    columns: Sequence[Column]
    target: pd.Series[Any]
    held_out: NDArray[np.bool_]
    is_classes: bool

    def missing(self, column: Column) -> NDArray[np.bool_]:
        """Tell which values of a column are missing."""
        return is_missing(self.features[column.name], column.kind).to_numpy(dtype=bool)

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """A hash of each row's features, as a model takes them, and answer.

        A row of the request log is in single precision; its like in a file may be in double.
        """
        numbers = {c.name: np.float32 for c in self.columns if c.kind in ("Number", "Boolean")}
        with np.errstate(over="ignore"):
            single = self.features[[c.name for c in self.columns]].astype(numbers)
        answer = Column(name="\0target", kind="Category")
        answers = self.target.astype(str).to_frame(answer.name)
        return mixed(row_sums(single, self.columns) + row_sums(answers, [answer]))


def check(rows: Rows, wanted: Mapping[CheckName, str]) -> list[Note]:
    """Return what the checks found, but for those that are to be ignored.

    Raises:
        TrainingFailure: something was found that ``wanted`` refuses.
    """
    found = []
    for name, look in CHECKS.items():
        asked = wanted.get(name, "Tell")
        if asked == "Ignore":
            continue
        noted = [Note(check=name, message=message) for message in look(rows)]
        if noted and asked == "Refuse":
            raise TrainingFailure(
                "CheckFailed",
                f"{noted[0].message} (dataset.checks.{name} is Refuse: mend the data, or set it to "
                "Tell)",
            )
        found += noted
    return found


def _constant(rows: Rows) -> Iterator[str]:
    if names := [c.name for c in rows.columns if _commonest(rows, c) == 1.0]:
        yield f"{_named(names)} {_has(names)} one value in all rows, so nothing is learned from it"


def _near_constant(rows: Rows) -> Iterator[str]:
    shares = {c.name: _commonest(rows, c) for c in rows.columns}
    if names := [name for name, share in shares.items() if NEARLY_ALL <= share < 1.0]:
        yield f"{_named(names)} {_has(names)} one value in {NEARLY_ALL:.0%} of the rows or more"


def _commonest(rows: Rows, column: Column) -> float:
    """Return the share of the commonest value, a missing one counted as a value."""
    values = rows.features[column.name]
    return float(values.value_counts(normalize=True, dropna=False).iloc[0])


def _missing(rows: Rows) -> Iterator[str]:
    shares = {c.name: float(rows.missing(c).mean()) for c in rows.columns}
    if names := [name for name, share in shares.items() if share > MOSTLY_MISSING]:
        worst = max(names, key=lambda name: shares[name])
        yield (
            f"{_named(names)} {_has(names)} no value in more than half of the rows "
            f"({worst}: {shares[worst]:.1%})"
        )


def _identifier_like(rows: Rows) -> Iterator[str]:
    names = [c.name for c in rows.columns if _is_identifier(rows, c)]
    if names:
        yield (
            f"{_named(names)} {_has(names)} another value in nearly every row, as an identifier "
            "has: what is learned from it will not hold for new rows; leave it out of "
            "dataset.features"
        )


def _is_identifier(rows: Rows, column: Column) -> bool:
    values = rows.features[column.name][~rows.missing(column)]
    if len(values) < 20 or values.nunique() < IDENTIFIER_SHARE * len(values):
        return False
    if column.kind == "Category":
        return True
    if column.kind != "Number":
        return False
    # Measurements are all different, too: a number is one where it counts rows or is long.
    numbers = np.sort(values.to_numpy(dtype=np.float64))
    if not np.isfinite(numbers).all() or (numbers != np.round(numbers)).any():
        return False
    return bool(numbers[-1] - numbers[0] < 1.2 * numbers.size or numbers[0] >= 1e6)


def _duplicate_rows(rows: Rows) -> Iterator[str]:
    repeated = pd.Series(rows.hashes).duplicated().sum()
    if repeated > DUPLICATES * len(rows.features):
        yield (
            f"{repeated} of {len(rows.features)} rows repeat another one in every feature and in "
            "the target: check that no file is read twice, and no request from file and log"
        )


def _shared(rows: Rows) -> Iterator[str]:
    seen = np.isin(rows.hashes[rows.held_out], rows.hashes[~rows.held_out]).sum()
    if seen > SHARED * rows.held_out.sum():
        yield (
            f"{seen} of {rows.held_out.sum()} held-out rows are equal to one that is learned from, "
            "so the scores are better than they will be on new rows"
        )


def _imbalance(rows: Rows) -> Iterator[str]:
    if not rows.is_classes:
        return
    counts = rows.target.value_counts()
    rare = [str(c) for c, n in counts.items() if n < max(FEW_OF_A_CLASS, RARE_CLASS * counts.sum())]
    if rare:
        least = counts.index[-1]
        yield (
            f"class {_named(rare)} of {rows.target.name} is rare ({least}: {counts.iloc[-1]} of "
            f"{counts.sum()} rows): accuracy says little here; rank by roc_auc or "
            "average_precision, and consider class_weight"
        )


def _leaking(rows: Rows) -> Iterator[str]:
    names = _telling_all(rows)
    if names:
        yield (
            f"{_named(names)} alone {_tells(names)} nearly every {rows.target.name}: if it is "
            "known only after the answer, leave it out of dataset.features"
        )


def _telling_all(rows: Rows) -> list[str]:
    """Return the columns of which a small tree is right on rows that it has not seen."""
    from sklearn.metrics import balanced_accuracy_score, r2_score
    from sklearn.model_selection import check_cv
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    some = _sample(len(rows.target))
    target: NDArray[Any] = rows.target.iloc[some].to_numpy()
    if rows.is_classes:
        _, target, counts = np.unique(target, return_inverse=True, return_counts=True)
        if counts.max() < FOLDS:
            return []
    else:
        target = target.astype(np.float64)  # which is what is predicted
    kind = DecisionTreeClassifier if rows.is_classes else DecisionTreeRegressor
    score = balanced_accuracy_score if rows.is_classes else r2_score
    tree = kind(max_leaf_nodes=256, min_samples_leaf=max(1, len(some) // 500), random_state=SEED)
    names: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer rows than folds
        folds = list(check_cv(FOLDS, target, classifier=rows.is_classes).split(target, target))
        for column in rows.columns:
            values = _numbers(rows.features[column.name].iloc[some], column)
            if values is None:
                continue
            found = np.empty_like(target)
            for seen, unseen in folds:
                found[unseen] = tree.fit(values[seen], target[seen]).predict(values[unseen])
            if score(target, found) >= LEAKING_SCORE:
                names.append(column.name)
    return names


def _numbers(values: pd.Series[Any], column: Column) -> NDArray[np.float64] | None:
    """Return them as a tree takes them, of shape (rows, 1); None if nearly each is another one."""
    if column.kind == "Category":
        codes, distinct = pd.factorize(values)
        if len(distinct) > IDENTIFIER_SHARE * len(values):
            return None
        return codes.astype(np.float64)[:, None]
    numbers = np.nan_to_num(values.to_numpy(dtype=np.float64), nan=-1e30)
    found: NDArray[np.float64] = np.clip(numbers, -1e30, 1e30)[:, None]
    return found


def _sample(count: int) -> NDArray[np.intp]:
    rng = np.random.default_rng(SEED)
    return rng.permutation(count)[:SAMPLE]


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _tells(names: Sequence[str]) -> str:
    return "tells" if len(names) == 1 else "each tell"


CHECKS: dict[CheckName, Callable[[Rows], Iterator[str]]] = {
    "constant": _constant,
    "nearConstant": _near_constant,
    "missing": _missing,
    "identifierLike": _identifier_like,
    "duplicateRows": _duplicate_rows,
    "shared": _shared,
    "imbalance": _imbalance,
    "leaking": _leaking,
}
