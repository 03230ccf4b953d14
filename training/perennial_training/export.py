"""scikit-learn to ONNX, and a served model that behaves like an estimator."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from perennial_artifact.manifest import Signature, Tensor
from perennial_training.failure import TrainingFailure

# ONNX computes in single precision: agreement to 1e-4 in probability, or relative in a number.
# A row that sits on a tree's threshold may flip with rounding, so a few in ten thousand may differ.
TOLERANCE = 1e-4
DISAGREEING_ROWS = 1e-3


def to_onnx(fitted: Any, inputs: pd.DataFrame, task: str) -> bytes:
    """Return the pipeline as ONNX with one input of shape [n, 1] per column.

    A classifier gives ``label``, and ``probabilities`` where it has them; a regressor gives
    ``prediction``.

    Raises:
        TrainingFailure: there is no converter for it, or a column is named as an output.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    names = ["prediction"]
    options = None
    if task == "Classification":
        names = ["label"]
        if hasattr(fitted, "predict_proba"):
            names.append("probabilities")
            options = {id(fitted.steps[-1][1]): {"zipmap": False}}
    if taken := [c for c in inputs if c in names]:
        raise TrainingFailure(
            "DatasetInvalid",
            f"the model's output is called {taken[0]}: rename the column, or leave it out of "
            "dataset.features",
        )
    # The converter takes identifiers only; the columns' own names are given back afterwards.
    types = [
        (f"column_{i}", (FloatTensorType if kind == "f" else StringTensorType)([None, 1]))
        for i, kind in enumerate(d.kind for d in inputs.dtypes)
    ]
    try:
        model = convert_sklearn(
            fitted,
            name="perennial",  # by default a random one, and the digest would be with it
            initial_types=types,
            options=options,
            target_opset=18,
        )
        del model.graph.output[len(names) :]  # raw scores, which are no probabilities
        wanted = {f"column_{i}": str(c) for i, c in enumerate(inputs)}
        wanted |= {o.name: n for o, n in zip(model.graph.output, names, strict=True)}
        _rename(model.graph, wanted)
        content = bytes(model.SerializeToString())
        OnnxModel(content, [])
        return content
    except Exception as error:
        name = type(fitted.steps[-1][1]).__name__
        raise TrainingFailure(
            "ExportFailed", f"{name} cannot be exported to ONNX: {error}"
        ) from error


def _rename(graph: Any, wanted: dict[str, str]) -> None:
    """Rename values of a graph; what has a wanted name by chance makes room for it."""
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    taken |= {value.name for value in (*graph.input, *graph.output, *graph.initializer)}
    new = dict(wanted)
    for name in sorted(taken - wanted.keys()):
        other = name
        while other in wanted.values():
            other += "_"
        new[name] = other
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = new[name]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = new[value.name]


class OnnxModel:
    """An ONNX model with predict and predict_proba, so that scikit-learn's scorers take it."""

    def __init__(self, model: bytes | Path, classes: list[Any]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        content = model if isinstance(model, bytes) else str(model)
        self._session = onnxruntime.InferenceSession(content, options)
        self.has_probabilities = len(self._session.get_outputs()) > 1
        self.classes_ = np.asarray(classes)
        self._estimator_type = "classifier" if classes else "regressor"

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn's scorers what this is."""
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        is_classifier = self._estimator_type == "classifier"
        return Tags(
            estimator_type=self._estimator_type,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
        )

    def fit(self, *_: Any) -> OnnxModel:
        """Return self; a model from the store is already fitted."""
        return self

    def run(self, inputs: pd.DataFrame) -> list[NDArray[Any]]:
        """Return the model's outputs for rows of columns."""
        feeds = {}
        for tensor in self._session.get_inputs():
            column = inputs[tensor.name].to_numpy().reshape(-1, 1)
            is_text = tensor.type == "tensor(string)"
            feeds[tensor.name] = column.astype(object if is_text else np.float32)
        return list(self._session.run(None, feeds))

    def predict(self, inputs: pd.DataFrame) -> NDArray[Any]:
        """Return labels or numbers, shape [n]."""
        return np.asarray(self.run(inputs)[0]).ravel()

    @available_if(attrgetter("has_probabilities"))  # type: ignore[untyped-decorator]
    def predict_proba(self, inputs: pd.DataFrame) -> NDArray[Any]:
        """Return probabilities, shape [n, classes]."""
        return np.asarray(self.run(inputs)[1])

    def signature(self) -> Signature:
        """Return inputs and outputs in the Open Inference Protocol's terms."""
        datatypes = {
            "tensor(float)": "FP32",
            "tensor(double)": "FP64",
            "tensor(int64)": "INT64",
            "tensor(string)": "BYTES",
        }

        def tensors(nodes: Any) -> list[Tensor]:
            return [
                Tensor(
                    name=n.name,
                    datatype=datatypes[n.type],
                    shape=[d if isinstance(d, int) else -1 for d in n.shape],
                )
                for n in nodes
            ]

        return Signature(
            inputs=tensors(self._session.get_inputs()),
            outputs=tensors(self._session.get_outputs()),
        )


def check_parity(fitted: Any, served: OnnxModel, inputs: pd.DataFrame, task: str) -> None:
    """Check that ONNX answers as scikit-learn does.

    Raises:
        TrainingFailure: they disagree on more than one row in a thousand.
    """
    if served.has_probabilities:
        expected, found = fitted.predict_proba(inputs), served.predict_proba(inputs)
        apart = np.abs(expected - found).max(axis=1)
    elif task == "Classification":
        apart = (fitted.predict(inputs).astype(str) != served.predict(inputs).astype(str)) * 1.0
    else:
        expected, found = fitted.predict(inputs).ravel(), served.predict(inputs)
        apart = np.abs(expected - found) / np.maximum(np.abs(expected), 1.0)
    share = float((~(apart <= TOLERANCE)).mean())  # NaN agrees with nothing
    if share > DISAGREEING_ROWS:
        raise TrainingFailure(
            "ParityFailed",
            f"ONNX and scikit-learn disagree on {share:.1%} of the held-out rows, by up to "
            f"{float(apart.max()):.2g}; use another algorithm or report the converter's fault",
        )
