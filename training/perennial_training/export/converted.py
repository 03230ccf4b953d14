"""Estimators that skl2onnx converts."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from perennial_training.export.features import Features
from perennial_training.export.graph import ML, ML_OPSET, OPSET, Graph


def add_converted(graph: Graph, features: Features, model: Any, double: bool) -> list[str]:
    """Convert an estimator alone, and add its nodes and constants under names of our own.

    Raises:
        Exception: skl2onnx has no converter, or not for these parameters.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    kind = DoubleTensorType if double else FloatTensorType
    is_classifier = hasattr(model, "classes_")
    converted = convert_sklearn(
        model,
        name="estimator",  # by default a random one
        initial_types=[("features", kind([None, model.n_features_in_]))],
        options={id(model): {"zipmap": False}} if is_classifier else None,
        target_opset={"": OPSET, ML: ML_OPSET},
    ).graph
    names = {"features": features.matrix(), "": ""}
    for constant in converted.initializer:
        names[constant.name] = constant.name = graph.name(constant.name)
        graph.constants.append(constant)
    for node in converted.node:
        for i, name in enumerate(node.input):
            node.input[i] = names[name]
        for i, name in enumerate(node.output):
            names[name] = node.output[i] = graph.name(name)
        node.name = ""
        graph.nodes.append(node)
    outputs = {names[o.name]: o.type.tensor_type.elem_type for o in converted.output}
    kept = list(outputs)[: 1 + (is_classifier and hasattr(model, "predict_proba"))]
    answers = [graph.single(o) if outputs[o] == TensorProto.DOUBLE else o for o in kept]
    # Some labels come as [1, n], some predictions as [n].
    first = graph.constant(np.array([-1] if is_classifier else [-1, 1], dtype=np.int64))
    return [graph.add("Reshape", answers[0], first), *answers[1:]]
