"""CalibratedClassifierCV over linear classifiers, which is what it is as it stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from perennial_training.export.answers import add_classes
from perennial_training.export.converted import add_converted
from perennial_training.export.features import Features
from perennial_training.export.graph import Graph


def add_calibrated(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add the mean of all folds' probabilities, as one product of matrices and a sigmoid.

    Each class of each fold has ``1 / (1 + exp(a s + b))`` of its score s, in equal parts of 1 after
    that where there are more than two: Platt, "Probabilistic outputs for support vector machines"
    (1999). skl2onnx converts other methods, and folds that lack a class.
    """
    folds = model.calibrated_classifiers_
    count = len(model.classes_)
    if any(f.method != "sigmoid" or len(f.estimator.classes_) != count for f in folds):
        return add_converted(graph, features, model, double=True)
    weights, bias = [], []
    for fold in folds:
        pairs = zip(
            np.atleast_2d(fold.estimator.coef_),
            np.ravel(fold.estimator.intercept_),
            fold.calibrators,
            strict=True,
        )
        for weight, start, sigmoid in pairs:
            weights.append(-sigmoid.a_ * weight)
            bias.append(-(sigmoid.a_ * start + sigmoid.b_))
    one, middle = graph.constant(np.array(1.0)), graph.constant(np.array([1]))
    shares = graph.add("Sigmoid", features.linear(np.array(weights), np.array(bias)))
    if count == 2:
        second = graph.add("ReduceMean", shares, middle, keepdims=1)
        mean = graph.add("Concat", graph.add("Sub", one, second), second, axis=1)
    else:
        by_fold = graph.constant(np.array([-1, len(folds), count]))
        shares = graph.add("Reshape", shares, by_fold)
        total = graph.add("ReduceSum", shares, graph.constant(np.array([2])), keepdims=1)
        mean = graph.add("ReduceMean", graph.add("Div", shares, total), middle, keepdims=0)
    return add_classes(graph, graph.single(mean), model.classes_, softmax=False)
