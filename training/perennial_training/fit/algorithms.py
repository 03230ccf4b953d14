"""Every estimator of scikit-learn that can be used as it stands, and what it needs before it.

As it stands: it is made without arguments, fits an ordinary table, and its ONNX form answers as it
does. Left out are: those that are made of other estimators (Voting, Stacking, OneVsRest,
Chain, Transformed and Tuned ones), which JSON cannot name; those without an ONNX form
(GaussianProcess, KernelRidge, LabelPropagation, LabelSpreading, NearestCentroid, RadiusNeighbors);
those for several targets (CCA, MultiTask, PLSCanonical); IsotonicRegression, which takes one
column; CategoricalNB, which takes codes; and Lars, whose weights have no bound where columns depend
on each other, as those of categories do, so that its answers are those of rounding (LarsCV and
LassoLars stop before).
"""

from __future__ import annotations

import difflib
import functools
import warnings
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from perennial_training.failure import TrainingFailure
from perennial_training.fit import neighbours

Scaling = Literal["Nothing", "Standard", "Unit"]


@dataclass(frozen=True)
class Algorithm:
    """What stands before an estimator."""

    name: str
    task: str
    scaling: Scaling = "Standard"
    """Standard: mean 0 and deviation 1. Unit: 0 to 1, for what takes no negative number.

    Nothing stands before trees: they need no common scale, and a rounding there would move rows
    over their thresholds.
    """
    keeps_missing: bool = False
    """Whether it takes NaN as missing; all others get the median."""
    double: bool = True
    """Whether its ONNX form computes in double precision; trees compare in single."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """Parameters that are ours where none are given: with scikit-learn's own it fails on ordinary
    tables."""

    @property
    def estimator(self) -> Any:
        """The class in scikit-learn, or ours of the same name."""
        return _estimators(self.task)[self.name]

    def defaults_for(self, target: pd.Series[Any]) -> dict[str, Any]:
        """Return our own defaults, those that depend on the answers included."""
        if self.name != "NuSVC":
            return self.defaults
        return {**self.defaults, "nu": _feasible_nu(target)}

    def make(self, **parameters: Any) -> Any:
        """Return an estimator that is not fitted."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of a class that a later one lacks
            return self.estimator(**parameters)


_TREES = (
    *("AdaBoost", "Bagging", "DecisionTree", "ExtraTree", "ExtraTrees", "GradientBoosting"),
    *("HistGradientBoosting", "RandomForest"),
)
_CLASSIFIERS = (
    *("BernoulliNB", "CalibratedClassifierCV", "DummyClassifier", "GaussianNB"),
    *("KNeighborsClassifier", "LinearDiscriminantAnalysis", "LinearSVC", "LogisticRegression"),
    *("LogisticRegressionCV", "MLPClassifier", "NuSVC", "PassiveAggressiveClassifier"),
    *("Perceptron", "QuadraticDiscriminantAnalysis", "RidgeClassifier", "RidgeClassifierCV"),
    *("SGDClassifier", "SVC"),
)
_NOT_NEGATIVE = ("ComplementNB", "MultinomialNB")
_REGRESSORS = (
    *("ARDRegression", "BayesianRidge", "DummyRegressor", "ElasticNet", "ElasticNetCV"),
    *("GammaRegressor", "HuberRegressor", "KNeighborsRegressor", "LarsCV", "Lasso"),
    *("LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression", "LinearSVR"),
    *("MLPRegressor", "NuSVR", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV"),
    *("PLSRegression", "PassiveAggressiveRegressor", "PoissonRegressor", "QuantileRegressor"),
    *("RANSACRegressor", "Ridge", "RidgeCV", "SGDRegressor", "SVR", "TheilSenRegressor"),
    "TweedieRegressor",
)
# onnxruntime has support-vector machines in single precision only.
_SINGLE = frozenset({"NuSVC", "NuSVR", "SVC", "SVR"})
# The features of a category column add up to 1, so no covariance of them has full rank.
_DEFAULTS: dict[str, dict[str, Any]] = {"QuadraticDiscriminantAnalysis": {"reg_param": 1e-3}}


def _feasible_nu(target: pd.Series[Any]) -> float:
    """Return scikit-learn's own nu of a half, or what the rarest class beside the commonest allows.

    More than twice the smaller class's share of the two is infeasible (Chang and Lin 2001); a tenth
    less, as a search learns from fewer rows.
    """
    counts = target.value_counts()
    most = 2 * int(counts.iloc[-1]) / int(counts.iloc[0] + counts.iloc[-1])
    return min(0.5, 0.9 * most)


def _tree(family: str, task: str) -> Algorithm:
    name = family + ("Classifier" if task == "Classification" else "Regressor")
    keeps_missing = family == "HistGradientBoosting"
    return Algorithm(name, task, "Nothing", keeps_missing, double=False)


def _registry() -> dict[tuple[str, str], Algorithm]:
    made = [_tree(family, task) for family in _TREES for task in ("Classification", "Regression")]
    made += [Algorithm(n, "Classification", "Unit") for n in _NOT_NEGATIVE]
    for task, names in (("Classification", _CLASSIFIERS), ("Regression", _REGRESSORS)):
        made += [
            Algorithm(n, task, double=n not in _SINGLE, defaults=_DEFAULTS.get(n, {}))
            for n in names
        ]
    return {(a.task, a.name): a for a in sorted(made, key=lambda a: a.name)}


ALGORITHMS = _registry()
"""By task and name, sorted by name."""


def usable(task: str) -> list[str]:
    """Return the names of all algorithms of a task, sorted."""
    return [name for of, name in ALGORITHMS if of == task]


def algorithm(task: str, name: str) -> Algorithm:
    """Return an algorithm by its name.

    Raises:
        TrainingFailure: it is none that can be used for the task as it stands.
    """
    found = ALGORITHMS.get((task, name))
    if found is not None:
        return found
    names = usable(task)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    other = "Regression" if task == "Classification" else "Classification"
    if (other, name) in ALGORITHMS:
        why = f"{name} is for task {other}, not {task}"
    elif name in _estimators(task):
        why = f"{name} cannot be used as it stands"
    elif near:
        why = f"{name} is unknown, {near[0]} is near"
    else:
        why = f"{name} is no algorithm of scikit-learn for {task}"
    raise TrainingFailure("UnknownAlgorithm", f"{why}; use one of {', '.join(names)}")


@functools.cache  # scikit-learn imports and searches all of its modules for them
def _estimators(task: str) -> dict[str, Any]:
    from sklearn.utils import all_estimators

    kind = "classifier" if task == "Classification" else "regressor"
    found = dict(all_estimators(type_filter=kind))
    if task == "Classification":
        return {**found, "KNeighborsClassifier": neighbours.KNeighborsClassifier}
    return {**found, "KNeighborsRegressor": neighbours.KNeighborsRegressor}
