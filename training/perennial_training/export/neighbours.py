"""Nearest neighbours: all training rows are in the model, and each row is compared with all."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn import neighbors

from perennial_training.export.answers import add_classes
from perennial_training.export.converted import add_converted
from perennial_training.export.features import Features
from perennial_training.export.graph import Graph
from perennial_training.fit.neighbours import NUDGE


def add_neighbours(graph: Graph, features: Features, model: Any) -> list[str]:
    """Add ``fit.neighbours``, for euclidean distances; skl2onnx converts those of other metrics."""
    is_classifier = hasattr(model, "classes_")
    if model.effective_metric_ != "euclidean":
        base = neighbors.KNeighborsClassifier if is_classifier else neighbors.KNeighborsRegressor
        plain = base()  # skl2onnx does not know a class that is derived from it
        plain.__dict__.update(model.__dict__)
        return add_converted(graph, features, plain, double=True)
    rows, known = features.matrix(), np.asarray(model._fit_X, dtype=np.float64)
    found = _nearest(graph, rows, known, model.n_neighbors)
    if is_classifier:
        labels = (model._y.ravel()[:, None] == np.arange(len(model.classes_))).astype(np.float64)
    else:
        labels = np.asarray(model._y, dtype=np.float64).reshape(len(known), -1)
    theirs = graph.add("Gather", graph.constant(labels), found, axis=0)  # [n, neighbours, answers]
    middle = graph.constant(np.array([1]))
    if model.weights == "distance":
        weights = _weights(graph, rows, known, found)
        weighted = graph.add("Mul", theirs, weights)
        total = graph.add("ReduceSum", weights, middle, keepdims=0)
        answers = graph.add("Div", graph.add("ReduceSum", weighted, middle, keepdims=0), total)
    else:
        answers = graph.add("ReduceMean", theirs, middle, keepdims=0)
    answers = graph.single(answers)
    return add_classes(graph, answers, model.classes_, False) if is_classifier else [answers]


def _nearest(graph: Graph, rows: str, known: Any, count: int) -> str:
    """Add positions of the nearest training rows, [n, count]; of equals, the first."""
    lengths = graph.add("ReduceSumSquare", rows, graph.constant(np.array([1])), keepdims=1)
    lengths = graph.add("Mul", lengths, graph.constant(np.array(1 + NUDGE)))
    turned, theirs = graph.constant(-2.0 * known.T), graph.constant((known**2).sum(axis=1))
    squares = graph.add("Add", graph.add("Gemm", rows, turned, theirs), lengths)
    count_of = graph.constant(np.array([count]))
    return graph.add_two("TopK", graph.single(squares), count_of, axis=1, largest=0, sorted=1)[1]


def _weights(graph: Graph, rows: str, known: Any, found: str) -> str:
    """Add the inverse distances, [n, neighbours, 1]; where some are 0, only those count."""
    one, nothing = graph.constant(np.array(1.0)), graph.constant(np.array(0.0))
    last = graph.constant(np.array([2]))
    theirs = graph.add("Gather", graph.constant(known), found, axis=0)
    apart = graph.add("Sub", graph.add("Unsqueeze", rows, graph.constant(np.array([1]))), theirs)
    far = graph.add("Sqrt", graph.add("ReduceSumSquare", apart, last, keepdims=1))
    is_there = graph.add("Equal", far, nothing)
    there = graph.cast(is_there, TensorProto.DOUBLE)
    any_there = graph.add("ReduceMax", there, graph.constant(np.array([1])), keepdims=1)
    inverse = graph.add("Div", one, graph.add("Where", is_there, one, far))
    return graph.add("Where", graph.add("Greater", any_there, nothing), there, inverse)
