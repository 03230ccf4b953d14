"""A served model that behaves like an estimator."""

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

CHUNK = 1_000
"""Rows that are run at a time: a model may hold a number for each row and each neighbour of it."""

_DATATYPES = {
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(int64)": "INT64",
    "tensor(string)": "BYTES",
}
_ARRAYS: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(string)": object,
}


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

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that this is fitted."""
        return True

    def fit(self, *_: Any) -> OnnxModel:
        """Return self; a model from the store is already fitted."""
        return self

    def run(self, inputs: pd.DataFrame) -> list[NDArray[Any]]:
        """Return the model's outputs for rows of columns, ``CHUNK`` rows at a time.

        Raises:
            KeyError: a column is not there.
        """
        feeds = {}
        for tensor in self._session.get_inputs():
            column = inputs[tensor.name].to_numpy()
            with np.errstate(over="ignore"):  # 1e39 is infinite in single precision
                feeds[tensor.name] = column.astype(_ARRAYS[tensor.type]).reshape(-1, 1)
        pieces = [
            self._session.run(None, {n: c[i : i + CHUNK] for n, c in feeds.items()})
            for i in range(0, max(len(inputs), 1), CHUNK)
        ]
        return [np.concatenate(of_output) for of_output in zip(*pieces, strict=True)]

    def predict(self, inputs: pd.DataFrame) -> NDArray[Any]:
        """Return labels or numbers, shape [n]."""
        return np.asarray(self.run(inputs)[0]).ravel()

    @available_if(attrgetter("has_probabilities"))  # type: ignore[untyped-decorator]
    def predict_proba(self, inputs: pd.DataFrame) -> NDArray[Any]:
        """Return probabilities, shape [n, classes]."""
        return np.asarray(self.run(inputs)[1])

    def signature(self) -> Signature:
        """Return inputs and outputs in the Open Inference Protocol's terms."""

        def tensors(nodes: Any) -> list[Tensor]:
            return [
                Tensor(
                    name=n.name,
                    datatype=_DATATYPES[n.type],
                    shape=[d if isinstance(d, int) else -1 for d in n.shape],
                )
                for n in nodes
            ]

        return Signature(
            inputs=tensors(self._session.get_inputs()),
            outputs=tensors(self._session.get_outputs()),
        )
