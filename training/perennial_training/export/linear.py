"""Estimators whose answer is a function of ``X w + b``, written in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np

from perennial_training.export.answers import add_classes, add_labels
from perennial_training.export.features import Features
from perennial_training.export.graph import Graph


def add_linear_regressor(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add a regressor with ``coef_`` and ``intercept_``, and an exponential link where it has one.

    Poisson, Gamma and Tweedie regression with a log link answer ``exp(X w + b)``
    (McCullagh and Nelder, "Generalized Linear Models", 1989).
    """
    weights = np.asarray(model.coef_, dtype=np.float64).reshape(1, -1)
    bias = float(np.ravel(model.intercept_)[0])
    answers = features.linear(weights, np.array([bias]))
    if _is_exponential(model):
        answers = graph.add("Exp", answers)
    return [graph.single(answers)]


def add_partial_least_squares(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add PLSRegression, whose weights are for features less their means."""
    weights = np.asarray(model.coef_, dtype=np.float64).reshape(1, -1)
    bias = np.ravel(model.intercept_) - weights @ np.asarray(model._x_mean)
    return [graph.single(features.linear(weights, bias))]


def add_inner(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add RANSACRegressor, which is the line through the rows that it takes for inliers."""
    return add_linear_regressor(graph, features, model.estimator_)


def add_constant(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add DummyClassifier or DummyRegressor, whose answer is the same for every row."""
    count = model.n_features_in_
    if not hasattr(model, "classes_"):
        constant = np.ravel(model.constant_).astype(np.float64)
        return [graph.single(features.linear(np.zeros((1, count)), constant))]
    if model.strategy in ("stratified", "uniform"):
        raise ValueError(f"strategy {model.strategy} answers by chance")
    shares = np.asarray(model.predict_proba(np.zeros((1, count))))[0]
    same = graph.single(features.linear(np.zeros((len(shares), count)), shares))
    return add_classes(graph, same, model.classes_, softmax=False)


def add_linear_classifier(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add a classifier with ``coef_`` and ``intercept_``; with two classes, one row of them.

    Probabilities are the softmax of the scores (``add_classes``), except for SGDClassifier.
    """
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    bias = np.broadcast_to(np.ravel(model.intercept_), len(weights)).astype(np.float64)
    scores = features.linear(weights, bias)
    if type(model).__name__ == "SGDClassifier" and hasattr(model, "predict_proba"):
        if model.loss == "modified_huber":
            shares = _hinge_shares(graph, scores, len(weights))
            labels = add_classes(graph, graph.single(scores), model.classes_, softmax=True)[0]
            return [labels, graph.single(shares)]
        if len(weights) > 1:
            shares = _normalized(graph, graph.add("Sigmoid", scores))
            return [add_labels(graph, scores, model.classes_), graph.single(shares)]
    answers = add_classes(graph, graph.single(scores), model.classes_, softmax=True)
    return answers if hasattr(model, "predict_proba") else answers[:1]


def _hinge_shares(graph: Graph, scores: str, count: int) -> str:
    """Add ``(clip(s, -1, 1) + 1) / 2``, of more than two classes in equal parts where all are 0.

    Zadrozny and Elkan, "Transforming classifier scores into multiclass probability estimates"
    (2002), as scikit-learn applies it to the modified Huber loss.
    """
    half, one = graph.constant(np.array(0.5)), graph.constant(np.array(1.0))
    minus_one, nothing = graph.constant(np.array(-1.0)), graph.constant(np.array(0.0))
    clipped = graph.add("Clip", scores, minus_one, one)
    shares = graph.add("Mul", graph.add("Add", clipped, one), half)
    if count == 1:  # the second of two classes'
        return graph.add("Concat", graph.add("Sub", one, shares), shares, axis=1)
    total = graph.add("ReduceSum", shares, graph.constant(np.array([1])), keepdims=1)
    is_nothing = graph.add("Equal", total, nothing)
    return _normalized(graph, graph.add("Where", is_nothing, one, shares))


def _normalized(graph: Graph, shares: str) -> str:
    total = graph.add("ReduceSum", shares, graph.constant(np.array([1])), keepdims=1)
    return graph.add("Div", shares, total)


def _is_exponential(model: Any) -> bool:
    name = type(model).__name__
    if name == "TweedieRegressor":
        # "auto" is the identity for the normal distribution (power 0 and below), else the log.
        return bool(model.link == "log" or (model.link == "auto" and model.power > 0))
    return name in ("GammaRegressor", "PoissonRegressor")
