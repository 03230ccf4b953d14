"""A fitted model as ONNX bytes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from onnx import TensorProto, helper

from perennial_training.export import ensembles, linear
from perennial_training.export.calibrated import add_calibrated
from perennial_training.export.converted import add_converted
from perennial_training.export.features import Features
from perennial_training.export.graph import IR_VERSION, ML, ML_OPSET, OPSET, Graph
from perennial_training.export.model import OnnxModel
from perennial_training.export.neighbours import add_neighbours
from perennial_training.failure import TrainingFailure
from perennial_training.fit.fitted import Fitted
from perennial_training.limits import OUTPUTS, check_inputs

Writer = Callable[[Graph, Features, Any], list[str]]
"""Adds an estimator's nodes behind the features; returns the names of label and, where
it has them, probabilities, or of the prediction."""

_LINEAR_CLASSIFIERS = (
    *("LinearDiscriminantAnalysis", "LinearSVC", "LogisticRegression", "LogisticRegressionCV"),
    *("PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier", "RidgeClassifierCV"),
    "SGDClassifier",
)
_LINEAR_REGRESSORS = (
    *("ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "GammaRegressor"),
    *("HuberRegressor", "LarsCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV"),
    *("LassoLarsIC", "LinearRegression", "LinearSVR", "OrthogonalMatchingPursuit"),
    *("OrthogonalMatchingPursuitCV", "PassiveAggressiveRegressor", "PoissonRegressor"),
    *("QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor", "TheilSenRegressor"),
    "TweedieRegressor",
)
_FORESTS = ("Bagging", "DecisionTree", "ExtraTree", "ExtraTrees", "RandomForest")

WRITERS: dict[str, Writer] = {
    **dict.fromkeys(_LINEAR_CLASSIFIERS, linear.add_linear_classifier),
    **dict.fromkeys(_LINEAR_REGRESSORS, linear.add_linear_regressor),
    "PLSRegression": linear.add_partial_least_squares,
    "RANSACRegressor": linear.add_inner,
    "DummyClassifier": linear.add_constant,
    "DummyRegressor": linear.add_constant,
    "AdaBoostClassifier": ensembles.add_boosted_votes,
    "CalibratedClassifierCV": add_calibrated,
    "KNeighborsClassifier": add_neighbours,
    "KNeighborsRegressor": add_neighbours,
}
for _ending in ("Classifier", "Regressor"):
    WRITERS |= {name + _ending: ensembles.add_forest for name in _FORESTS}
    WRITERS["GradientBoosting" + _ending] = ensembles.add_gradient_boosting
    WRITERS["HistGradientBoosting" + _ending] = ensembles.add_histogram_boosting
"""Written by us, by the estimator's name; skl2onnx converts all others."""

LARGEST = 2**31 - 1
"""Bytes of a protocol buffer."""

TYPES = {
    "Number": TensorProto.FLOAT,
    "Boolean": TensorProto.FLOAT,
    "Time": TensorProto.DOUBLE,
    "Category": TensorProto.STRING,
}
"""What an input is, by its column's kind."""


def to_onnx(fitted: Fitted) -> bytes:
    """Return a model with one input of shape [n, 1] for each column, by the column's name.

    A classifier gives ``label``, and ``probabilities`` where it has them; a regressor gives
    ``prediction``. Equal models are equal bytes.

    Raises:
        TrainingFailure: the estimator has no ONNX form with these parameters (ExportFailed), or a
            column cannot be an input.
    """
    task, columns = fitted.algorithm.task, fitted.preprocessing.columns
    check_inputs(columns, task)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of attributes that converters read
            content = _written(fitted)
        OnnxModel(content, [])
        return content
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
        raise TrainingFailure(
            "ExportFailed",
            f"{fitted.algorithm.name} cannot be exported to ONNX with these parameters: "
            f"{lines[0][:512]}",
        ) from error


def _written(fitted: Fitted) -> bytes:
    algorithm, columns = fitted.algorithm, fitted.preprocessing.columns
    outputs = OUTPUTS[algorithm.task]
    graph = Graph([*(c.name for c in columns), *outputs])
    features = Features(graph, fitted.preprocessing)
    answers = add_estimator(graph, features, fitted)
    for answer, output in zip(answers, outputs, strict=False):
        graph.rename(answer, output)
    inputs = [helper.make_tensor_value_info(c.name, TYPES[c.kind], [None, 1]) for c in columns]
    written = helper.make_graph(
        graph.nodes,
        "perennial",
        inputs,
        _declared(fitted, len(answers)),
        graph.used_constants(),
    )
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
    model = helper.make_model(
        written, producer_name="perennial", opset_imports=versions, ir_version=IR_VERSION
    )
    if model.ByteSize() > LARGEST:
        raise ValueError(
            f"it would have {model.ByteSize() / 2**30:.1f} GiB, and ONNX has at most 2: let it be "
            "smaller (of trees: fewer, max_depth, min_samples_leaf)"
        )
    return bytes(model.SerializeToString(deterministic=True))


def add_estimator(graph: Graph, features: Features, fitted: Fitted) -> list[str]:
    """Add the estimator behind its features; return the names of its answers."""
    writer = WRITERS.get(type(fitted.estimator).__name__)
    if writer is not None:
        return writer(graph, features, fitted.estimator)
    return add_converted(graph, features, fitted.estimator, fitted.algorithm.double)


def _declared(fitted: Fitted, count: int) -> list[Any]:
    """Return the declared outputs, of which there are so many."""
    if fitted.algorithm.task == "Regression":
        return [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, 1])]
    classes = fitted.classes_
    kind = TensorProto.INT64 if classes.dtype.kind in "iub" else TensorProto.STRING
    shape = [None, len(classes)]
    declared = [
        helper.make_tensor_value_info("label", kind, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape),
    ]
    return declared[:count]
