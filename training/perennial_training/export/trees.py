"""Trees as one TreeEnsembleRegressor node, exact for every float32 input.

Why not skl2onnx here: it rounds the thresholds of histogram trees to nearest, divides each leaf by
the number of trees before it sums (so that a tie of two classes falls by chance), writes a node for
each tree of a boosted ensemble of classifiers, and takes a second for some ten thousand nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_training.export.graph import ML, Graph


@dataclass(frozen=True)
class Tree:
    """A binary tree by node; node 0 is the root, and left is where ``x <= threshold``."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    is_leaf: NDArray[np.bool_]
    missing_goes_left: NDArray[np.bool_]
    values: NDArray[np.float64]
    """What a leaf adds to each answer, [nodes, answers]."""

    def times(self, factor: float) -> Tree:
        """Return the tree with other values."""
        return Tree(**{**self.__dict__, "values": self.values * factor})


def from_tree(tree: Any, values: NDArray[np.float64], features: Any = None) -> Tree:
    """Return the tree of a DecisionTree or an ExtraTree (``estimator.tree_``).

    ``features`` are positions of those features that the tree has seen, where not of all.
    """
    is_leaf = tree.children_left < 0
    feature = np.where(is_leaf, 0, tree.feature)
    return Tree(
        feature=feature if features is None else np.asarray(features)[feature],
        threshold=np.asarray(tree.threshold),
        left=tree.children_left,
        right=tree.children_right,
        is_leaf=is_leaf,
        missing_goes_left=np.zeros(len(is_leaf), dtype=bool),  # what is missing has the median
        values=values,
    )


def from_predictor(nodes: Any, answer: int, answers: int) -> Tree:
    """Return a tree of HistGradientBoosting (``TreePredictor.nodes``) that adds to one answer."""
    is_leaf = nodes["is_leaf"].astype(bool)
    if nodes["is_categorical"].any():
        raise ValueError("categorical_features have no ONNX form: name no such features")
    values = np.zeros((len(nodes), answers))
    values[:, answer] = nodes["value"]
    return Tree(
        feature=np.where(is_leaf, 0, nodes["feature_idx"]),
        threshold=nodes["num_threshold"],
        left=nodes["left"],
        right=nodes["right"],
        is_leaf=is_leaf,
        missing_goes_left=nodes["missing_go_to_left"].astype(bool),
        values=values,
    )


def rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the greatest float32 that is not above each threshold.

    For a float32 x, ``x <= threshold`` is then as true as it was; rounding to nearest moves the
    rows that stand between a threshold and its nearest float32.
    """
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
        down = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > thresholds, down, nearest)


def add_ensemble(
    graph: Graph,
    features: str,
    trees: Sequence[Tree],
    base: NDArray[np.float64],
    average: bool = False,
) -> str:
    """Add the sum, or the average, of the trees' values and ``base``: FLOAT, [n, answers]."""
    sizes = [len(tree.is_leaf) for tree in trees]
    ids = np.repeat(np.arange(len(trees)), sizes)
    numbers = np.concatenate([np.arange(size) for size in sizes])
    is_leaf = np.concatenate([tree.is_leaf for tree in trees])

    def nodes(name: str) -> NDArray[Any]:
        together: NDArray[Any] = np.concatenate([getattr(tree, name) for tree in trees])
        return np.where(is_leaf, np.zeros(1, dtype=together.dtype), together)

    values = np.concatenate([tree.values for tree in trees])
    # A leaf has an entry for each answer that it changes, and one at least.
    adds = is_leaf[:, None] & (values != 0)
    adds[is_leaf & ~adds.any(axis=1), 0] = True
    leaves, answers = np.nonzero(adds)
    attributes: dict[str, Any] = {
        "n_targets": len(base),
        "aggregate_function": "AVERAGE" if average else "SUM",
        "base_values": base.astype(np.float32),
        "nodes_treeids": ids,
        "nodes_nodeids": numbers,
        "nodes_featureids": nodes("feature"),
        "nodes_modes": [b"LEAF" if leaf else b"BRANCH_LEQ" for leaf in is_leaf.tolist()],
        "nodes_values": rounded_down(nodes("threshold").astype(np.float64)),
        "nodes_truenodeids": nodes("left"),
        "nodes_falsenodeids": nodes("right"),
        "target_treeids": ids[leaves],
        "target_nodeids": numbers[leaves],
        "target_ids": answers,
        "target_weights": values[leaves, answers].astype(np.float32),
    }
    missing = nodes("missing_goes_left").astype(np.int64)
    if missing.any():
        attributes["nodes_missing_value_tracks_true"] = missing
    return graph.add_long("TreeEnsembleRegressor", features, ML, **attributes)
