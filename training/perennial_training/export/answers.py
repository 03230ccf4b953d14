"""From what an estimator computes to labels and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_training.export.graph import ML, Graph

WIDE = 64
"""Classes beyond which a product with the identity would cost more than two more nodes."""


def add_labels(graph: Graph, scores: str, classes: NDArray[Any]) -> str:
    """Add the class of the greatest score, [n], of scores [n, classes]; of equals, the first."""
    greatest = graph.add("ArgMax", scores, axis=1, keepdims=0)
    known = classes.astype(np.int64 if classes.dtype.kind in "iub" else object)
    return graph.add("Gather", graph.constant(known), greatest, axis=0)


def add_classes(graph: Graph, scores: str, classes: NDArray[Any], softmax: bool) -> list[str]:
    """Add label, and probabilities, of scores: FLOAT, [n, classes], or [n, 1] of two classes.

    One score s of two classes stands for 0 and s: their softmax is the logistic function of s, and
    the second class is the label where s is positive. Without the softmax, scores are
    probabilities already. It is a product with the identity, because LinearClassifier is the one
    operator that makes labels and probabilities at once.
    """
    count = len(classes)
    if count > WIDE:
        shares = graph.add("Softmax", scores, axis=1) if softmax else scores
        return [add_labels(graph, scores, classes), shares]
    weights = np.array([[0.0], [1.0]]) if softmax and count == 2 else np.eye(count)
    is_number = classes.dtype.kind in "iub"
    kind = "classlabels_ints" if is_number else "classlabels_strings"
    return graph.add_two(
        "LinearClassifier",
        scores,
        domain=ML,
        coefficients=weights.ravel().tolist(),
        intercepts=[0.0] * count,
        post_transform="SOFTMAX" if softmax else "NONE",
        **{kind: [int(c) if is_number else str(c) for c in classes]},
    )
