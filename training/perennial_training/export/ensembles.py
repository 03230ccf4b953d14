"""Single trees, forests and boosted trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_training.export.answers import add_classes
from perennial_training.export.features import Features
from perennial_training.export.graph import Graph
from perennial_training.export.trees import Tree, add_ensemble, from_predictor, from_tree


def add_forest(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add trees that are averaged: a DecisionTree or ExtraTree, a forest, or Bagging of trees."""
    single = [model] if hasattr(model, "tree_") else model.estimators_
    seen = getattr(model, "estimators_features_", [None] * len(single))
    pairs = list(zip(single, seen, strict=True))
    if hasattr(model, "classes_"):
        count = len(model.classes_)
        trees = [from_tree(e.tree_, _shares(e, count), f) for e, f in pairs]
        shares = add_ensemble(graph, features.matrix(), trees, np.zeros(count), average=True)
        return add_classes(graph, shares, model.classes_, softmax=False)
    # Leaves are sums in single precision: they lose less where they are near 0.
    means = [(e.tree_, e.tree_.value[:, 0, :].astype(np.float64), f) for e, f in pairs]
    middle = np.mean([value[0] for _, value, _ in means], axis=0)
    trees = [from_tree(tree, value - middle, f) for tree, value, f in means]
    return [add_ensemble(graph, features.matrix(), trees, middle, average=True)]


def add_gradient_boosting(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add GradientBoosting: the sum of all trees, times the learning rate, and a first guess."""
    answers = model.n_trees_per_iteration_
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0]
    trees = []
    for iteration in model.estimators_:
        for answer, tree in enumerate(iteration):
            values = np.zeros((tree.tree_.node_count, answers))
            values[:, answer] = tree.tree_.value[:, 0, 0] * model.learning_rate
            trees.append(from_tree(tree.tree_, values))
    factor = 1.0
    if getattr(model, "loss", "") == "exponential":
        factor = 2.0  # the raw score is half of the logarithm of the odds
    return _boosted(graph, features, trees, start, model, factor)


def add_histogram_boosting(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add HistGradientBoosting; poisson and gamma losses answer the exponential of the sum."""
    if model._preprocessor is not None:
        raise ValueError("categorical_features have no ONNX form: name no such features")
    start = np.ravel(model._baseline_prediction)
    trees = [
        from_predictor(predictor.nodes, answer, len(start))
        for iteration in model._predictors
        for answer, predictor in enumerate(iteration)
    ]
    return _boosted(graph, features, trees, start, model)


def add_boosted_votes(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add AdaBoostClassifier: weighted votes of trees.

    The votes are 1 for a tree's class and ``-1 / (classes - 1)`` for all others, and probabilities
    the softmax of their mean through ``classes - 1``: Zhu, Zou, Rosset and Hastie, "Multi-class
    AdaBoost" (2009), equation 15.
    """
    count = len(model.classes_)
    weights = model.estimator_weights_[: len(model.estimators_)]
    trees = []
    for tree, weight in zip(model.estimators_, weights, strict=True):
        chosen = np.searchsorted(model.classes_, tree.classes_)[tree.tree_.value[:, 0].argmax(1)]
        votes = np.where(chosen[:, None] == np.arange(count), 1.0, -1.0 / (count - 1))
        trees.append(from_tree(tree.tree_, votes * weight / weights.sum() / (count - 1)))
    if count == 2:  # the scores are s and -s, whose softmax is that of 2 s and 0
        trees = [Tree(**{**t.__dict__, "values": 2.0 * t.values[:, 1:]}) for t in trees]
    base = np.zeros(trees[0].values.shape[1])
    scores = add_ensemble(graph, features.matrix(), trees, base)
    return add_classes(graph, scores, model.classes_, softmax=True)


def _shares(estimator: Any, count: int) -> NDArray[np.float64]:
    """Return each node's shares of all classes; a tree of Bagging may have seen only some."""
    values = estimator.tree_.value[:, 0, :]
    shares = np.zeros((len(values), count))
    # A forest's trees have classes 0, 1, ... as floats, Bagging's those that were drawn.
    columns = np.arange(count)
    if len(estimator.classes_) < count:
        columns = np.asarray(estimator.classes_, dtype=np.int64)
    shares[:, columns] = values / values.sum(axis=1, keepdims=True)
    return shares


def _boosted(
    graph: Graph,
    features: Features,
    trees: Sequence[Tree],
    start: NDArray[np.float64],
    model: Any,
    factor: float = 1.0,
) -> list[str]:
    """Add what a sum of trees means: a number, or the scores of classes times a factor."""
    trees, start = [tree.times(factor) for tree in trees], start * factor
    raw = add_ensemble(graph, features.matrix(), trees, start)
    if not hasattr(model, "classes_"):
        is_exponential = getattr(model, "loss", "") in ("poisson", "gamma")
        return [graph.add("Exp", raw) if is_exponential else raw]
    return add_classes(graph, raw, model.classes_, softmax=True)
