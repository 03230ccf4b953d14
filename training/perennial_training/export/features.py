"""What ``Preprocessing.transform`` does, as ONNX nodes: the same values, bit by bit."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from perennial_training.export.graph import ML, Graph
from perennial_training.fit import clock
from perennial_training.fit.preprocessing import Preprocessing


def add_features(graph: Graph, preprocessing: Preprocessing) -> str:
    """Add the nodes from columns to features; return the name of the features, [n, features].

    They are DOUBLE where the preprocessing says so, else FLOAT.
    """
    known = preprocessing
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
    features = _one_or_all(graph, blocks)
    if known.centre is None or known.scale is None:
        return graph.cast(features, TensorProto.DOUBLE) if known.double else features
    # A category's 0 or 1 less 0, through 1, is as it was; so all go through the same nodes.
    others = len(known.features()) - len(known.centre)
    centre = np.concatenate([known.centre, np.zeros(others)])
    scale = np.concatenate([known.scale, np.ones(others)])
    wide = graph.cast(features, TensorProto.DOUBLE)
    wide = graph.add("Sub", wide, graph.constant(centre))
    wide = graph.add("Div", wide, graph.constant(scale))
    return wide if known.double else graph.single(wide)


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
