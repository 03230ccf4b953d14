"""From what an estimator computes to labels and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_training.export.graph import Graph


def add_labels(graph: Graph, scores: str, classes: NDArray[Any]) -> str:
    """Add the class of the greatest score, [n], of scores [n, classes]; of equals, the first."""
    greatest = graph.add("ArgMax", scores, axis=1, keepdims=0)
    known = classes.astype(np.int64 if classes.dtype.kind in "iub" else object)
    return graph.add("Gather", graph.constant(known), greatest, axis=0)
