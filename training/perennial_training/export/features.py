"""What ``Preprocessing.transform`` does, as ONNX nodes: the same values, bit by bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from perennial_training.export.graph import ML, Graph
from perennial_training.fit import clock
from perennial_training.fit.preprocessing import Preprocessing


class Features:
    """The features of a graph, to which each writer adds only the nodes that it needs."""

    def __init__(self, graph: Graph, preprocessing: Preprocessing) -> None:
        self._graph, self._known = graph, preprocessing

    def matrix(self) -> str:
        """Add the nodes from columns to features; return the name of them, [n, features].

        They are DOUBLE where the preprocessing says so, else FLOAT.
        """
        graph, known = self._graph, self._known
        plain = self._plain()
        if known.centre is None or known.scale is None:
            return graph.cast(plain, TensorProto.DOUBLE) if known.double else plain
        centre, scale = self._scaling()
        wide = graph.cast(plain, TensorProto.DOUBLE)
        wide = graph.add("Sub", wide, graph.constant(centre))
        wide = graph.add("Div", wide, graph.constant(scale))
        return wide if known.double else graph.single(wide)

    def linear(self, weights: NDArray[np.float64], bias: NDArray[np.float64]) -> str:
        """Add ``X w + b`` for the features X: DOUBLE, [n, rows of weights].

        The scaling is in the weights, which saves two nodes of some eight, and the weights of what
        is scaled differ by the rounding of a double.
        """
        graph = self._graph
        wide = graph.cast(self._plain(), TensorProto.DOUBLE)
        centre, scale = self._scaling()
        weights = weights / scale
        bias = bias - weights @ centre
        return graph.add("Gemm", wide, graph.constant(weights.T), graph.constant(bias))

    def _scaling(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return centre and scale of all features; a category's 0 or 1 is as it was."""
        known = self._known
        count = len(known.features())
        centre, scale = np.zeros(count), np.ones(count)
        if known.centre is not None and known.scale is not None:
            centre[: len(known.centre)] = known.centre
            scale[: len(known.scale)] = known.scale
        return centre, scale

    def _plain(self) -> str:
        """Add features that are not scaled: FLOAT."""
        graph, known = self._graph, self._known
        blocks = [_one_or_all(graph, known.numbers)] if known.numbers else []
        if known.times:
            blocks.append(add_parts(graph, _one_or_all(graph, known.times)))
        if known.medians is not None and blocks:
            numbers = graph.add(
                "Imputer",
                _one_or_all(graph, blocks),
                domain=ML,
                imputed_value_floats=known.medians.tolist(),
                replaced_value_float=float("nan"),
            )
            blocks = [numbers]
        hot = [
            graph.add("OneHotEncoder", name, domain=ML, cats_strings=categories, zeros=1)
            for name, categories in known.categories.items()
        ]
        if hot:  # each is [n, 1, categories]
            together = hot[0] if len(hot) == 1 else graph.add("Concat", *hot, axis=2)
            blocks.append(graph.add("Flatten", together, axis=1))
        return _one_or_all(graph, blocks)


def add_parts(graph: Graph, times: str) -> str:
    """Add the nodes of ``clock.parts``: from times [n, k], DOUBLE, to their parts [n, 4 k]."""

    def whole(value: int) -> str:
        return graph.constant(np.array(value, dtype=np.int64))

    limit, nothing = graph.constant(np.array(clock.LIMIT)), graph.constant(np.array(0.0))
    known = graph.add("LessOrEqual", graph.add("Abs", times), limit)
    floor = graph.add("Floor", graph.add("Where", known, times, nothing))
    seconds = graph.add("Add", graph.cast(floor, TensorProto.INT64), whole(clock.SHIFT))
    days = graph.add("Div", seconds, whole(clock.DAY))
    hours = graph.add("Mod", graph.add("Div", seconds, whole(3600)), whole(24))
    weekdays = graph.add("Mod", days, whole(7))
    quarters = graph.add("Add", graph.add("Mul", days, whole(4)), whole(clock.QUARTERS))
    of_century = graph.add("Div", graph.add("Mod", quarters, whole(clock.ERA)), whole(4))
    cycle = graph.add("Mod", of_century, whole(clock.CENTURY_CYCLE))
    table = graph.constant(clock.month_and_day())
    dates = graph.add("Flatten", graph.add("Gather", table, cycle, axis=0), axis=1)
    parts = graph.single(graph.add("Concat", hours, weekdays, dates, axis=1))
    all_known = graph.add("Concat", *[known] * len(clock.PARTS), axis=1)
    return graph.add(
        "Where", all_known, parts, graph.constant(np.array([np.nan], dtype=np.float32))
    )


def _one_or_all(graph: Graph, blocks: list[str]) -> str:
    """Return the columns of all blocks, side by side."""
    return blocks[0] if len(blocks) == 1 else graph.add("Concat", *blocks, axis=1)
