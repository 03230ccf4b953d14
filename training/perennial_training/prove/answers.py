"""What a model answers on rows, asked once, and beside the truth in scikit-learn's terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from perennial_training.prove.labels import in_order, texts


@dataclass(frozen=True, eq=False)
class Answers:
    """A model's answers on n rows; resampling and profiling do not run the model again."""

    predicted: NDArray[Any]
    """Labels or numbers as the model gave them, shape [n]."""
    probabilities: NDArray[Any] | None
    """As the model gave them, shape [n, len(known)]; None where it has none."""
    known: tuple[str, ...]
    """The model's classes, by their text, in the order of ``probabilities``; none for numbers."""
    classes: tuple[str, ...]
    """The dataset's classes, by their text: of two the positive one is last; none for numbers."""

    def __len__(self) -> int:
        return len(self.predicted)

    def of(self, rows: NDArray[np.bool_]) -> Answers:
        """Return the answers on some of the rows."""
        shares = None if self.probabilities is None else self.probabilities[rows]
        return replace(self, predicted=self.predicted[rows], probabilities=shares)

    def beside(self, target: pd.Series[Any] | NDArray[Any]) -> Judged:
        """Return the answers beside the truth of the same rows, classes as numbers from 0.

        A class of the truth that is not among ``classes`` comes after them. A class that the model
        does not know has the probability 0; one that only the model knows is a wrong label, and its
        probability is shared out over the others in proportion, as scikit-learn's metrics take no
        column without a class.

        Raises:
            ValueError: there are not as many targets as answers.
        """
        truth = np.asarray(target)
        if len(truth) != len(self):
            raise ValueError(f"{len(truth)} targets beside {len(self)} answers")
        if not self.classes:
            numbers = np.asarray(self.predicted, dtype=np.float64)
            return Judged(truth.astype(np.float64), numbers, None, 0)
        true_texts, predicted_texts = texts(truth), texts(self.predicted)
        code: dict[str, int] = {}
        for name in (*self.classes, *in_order(set(true_texts.tolist()) - set(self.classes))):
            code[name] = len(code)
        count = len(code)
        for name in (*self.known, *predicted_texts.tolist()):
            code.setdefault(name, len(code))
        shares = None
        if self.probabilities is not None:
            shares = np.zeros((len(self), count), dtype=self.probabilities.dtype)
            columns = [(i, code[name]) for i, name in enumerate(self.known) if code[name] < count]
            for mine, its in columns:
                shares[:, its] = self.probabilities[:, mine]
            if len(columns) < len(self.known):
                total = shares.sum(axis=1, keepdims=True)
                shares = np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / count)
                shares = shares.astype(self.probabilities.dtype)
        return Judged(_codes(true_texts, code), _codes(predicted_texts, code), shares, count)


def answers(
    model: Any,
    rows: pd.DataFrame,
    classes: Iterable[Any] = (),
    positive: str | None = None,
) -> Answers:
    """Ask a model: ours, or a fitted classifier or regressor of scikit-learn.

    Args:
        model: has ``predict``; a classifier also ``classes_``, and ``predict_proba`` where it
            gives probabilities.
        rows: the features, n rows.
        classes: the dataset's classes in any order, so that a champion is measured by the same
            ones as a candidate; the model's own by default.
        positive: the class that metrics of two classes are about, by its text; the last in order
            by default.

    Raises:
        ValueError: ``positive`` is none of the classes.
    """
    own = getattr(model, "classes_", None)
    known = () if own is None else tuple(texts(np.asarray(own)).tolist())
    if not known:
        return Answers(np.asarray(model.predict(rows)).ravel(), None, (), ())
    ordered = in_order(classes) or list(known)
    probabilities = None
    if getattr(model, "has_probabilities", hasattr(model, "predict_proba")):
        probabilities = np.asarray(model.predict_proba(rows))
    predicted = np.asarray(model.predict(rows)).ravel()
    return Answers(predicted, probabilities, known, positive_last(ordered, positive))


def positive_last(classes: Sequence[str], positive: str | None) -> tuple[str, ...]:
    """Return classes by their text, of two the positive one last.

    Raises:
        ValueError: ``positive`` is none of them.
    """
    if positive is None:
        return tuple(classes)
    if positive not in classes:
        raise ValueError(f"{positive} is none of the classes {', '.join(classes)}")
    if len(classes) != 2:
        return tuple(classes)
    return (*(name for name in classes if name != positive), positive)


def _codes(named: NDArray[Any], code: dict[str, int]) -> NDArray[np.int64]:
    found, numbers = np.unique(named.astype(str), return_inverse=True)
    return np.array([code[name] for name in found.tolist()], dtype=np.int64)[numbers]


@dataclass(frozen=True, eq=False)
class Judged:
    """Answers beside the truth, as scikit-learn's metrics take them.

    Of two classes 1 is the positive one, so that every metric's own default is right whatever the
    labels are.
    """

    truth: NDArray[Any]
    """Classes as numbers from 0, or float64; shape [n]."""
    predicted: NDArray[Any]
    """As ``truth``; a class that only the model knows has a number from ``classes`` on."""
    probabilities: NDArray[Any] | None
    """Shape [n, classes]."""
    classes: int
    """How many; 0 for numbers."""

    def __len__(self) -> int:
        return len(self.truth)

    def estimator(self, one_against_rest: bool = False) -> Any:
        """Return what scikit-learn's scorers take for a model; its rows are their numbers.

        Args:
            one_against_rest: of two classes, whatever is not the positive one is the other.
        """
        return _Known(self, one_against_rest and self.classes == 2)


class _Known:
    """An estimator whose rows are numbers of rows, and whose answers are known."""

    def __init__(self, judged: Judged, one_against_rest: bool) -> None:
        self._judged = judged
        self._predicted = judged.predicted == 1 if one_against_rest else judged.predicted
        if one_against_rest:
            self._predicted = self._predicted.astype(np.int64)
        self.classes_ = np.arange(judged.classes)
        self.has_probabilities = judged.probabilities is not None

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        is_classifier = self._judged.classes > 0
        return Tags(
            estimator_type="classifier" if is_classifier else "regressor",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
        )

    def fit(self, *_: Any) -> _Known:
        return self

    def predict(self, rows: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(self._predicted[rows])

    @available_if(attrgetter("has_probabilities"))  # type: ignore[untyped-decorator]
    def predict_proba(self, rows: NDArray[Any]) -> NDArray[Any]:
        assert self._judged.probabilities is not None
        return np.asarray(self._judged.probabilities[rows])
