"""Real ONNX models, made for tests: directories that perennial-serve takes."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier

from perennial_artifact.profile import FeatureProfile, Profile

# The protocol's datatype, ONNX's type, numpy's type.
DATATYPES = {
    "BOOL": (TensorProto.BOOL, np.bool_),
    "UINT8": (TensorProto.UINT8, np.uint8),
    "UINT16": (TensorProto.UINT16, np.uint16),
    "UINT32": (TensorProto.UINT32, np.uint32),
    "UINT64": (TensorProto.UINT64, np.uint64),
    "INT8": (TensorProto.INT8, np.int8),
    "INT16": (TensorProto.INT16, np.int16),
    "INT32": (TensorProto.INT32, np.int32),
    "INT64": (TensorProto.INT64, np.int64),
    "FP16": (TensorProto.FLOAT16, np.float16),
    "FP32": (TensorProto.FLOAT, np.float32),
    "FP64": (TensorProto.DOUBLE, np.float64),
    "BYTES": (TensorProto.STRING, np.object_),
}


def save(
    nodes: list[Any],
    inputs: list[Any],
    outputs: list[Any],
    directory: Path,
    initializers: tuple[Any, ...] = (),
) -> Path:
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(initializers))
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(model, directory / "model.onnx")
    return directory


def echo(directory: Path) -> Path:
    """Give back a [n, 2] tensor of every datatype: input ``x_FP32`` comes back as ``y_FP32``."""
    nodes, inputs, outputs = [], [], []
    for name, (kind, _) in DATATYPES.items():
        nodes.append(helper.make_node("Identity", [f"x_{name}"], [f"y_{name}"]))
        inputs.append(helper.make_tensor_value_info(f"x_{name}", kind, ["n", 2]))
        outputs.append(helper.make_tensor_value_info(f"y_{name}", kind, ["n", 2]))
    return save(nodes, inputs, outputs, directory)


def failing_at_13(source: str, output: str) -> tuple[list[Any], tuple[Any, ...]]:
    """Return nodes that pass a [n, k] tensor on, but fail where a value of ``x`` is 13."""
    constants = {"many": np.array([1_000_003]), "any": np.array([-1]), "axis": np.array([1])}
    numbers = [numpy_helper.from_array(v.astype(np.int64), k) for k, v in constants.items()]
    numbers.append(numpy_helper.from_array(np.array(13, np.float32), "thirteen"))
    nodes = [
        helper.make_node("Equal", ["x", "thirteen"], ["is_13"]),
        helper.make_node("Cast", ["is_13"], ["as_number"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["as_number"], ["found"], keepdims=0),
        helper.make_node("Mul", ["found", "many"], ["added"]),
        helper.make_node("Shape", [source], ["shape"]),
        helper.make_node("Gather", ["shape", "axis"], ["own_width"], axis=0),
        helper.make_node("Add", ["own_width", "added"], ["width"]),
        helper.make_node("Concat", ["any", "width"], ["wanted"], axis=0),
        helper.make_node("Reshape", [source, "wanted"], [output]),
    ]
    return nodes, tuple(numbers)


def doubling(directory: Path) -> Path:
    """Double one column ``x``; fail where a value is 13."""
    nodes, initializers = failing_at_13("twice", "y")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    first = helper.make_node("Add", ["x", "x"], ["twice"])
    return save([first, *nodes], inputs, outputs, directory, initializers)


def texts(directory: Path) -> Path:
    """Give strings back: ``x``, of any width, as ``y``."""
    sides = [[helper.make_tensor_value_info(n, TensorProto.STRING, ["n", "m"])] for n in "xy"]
    return save([helper.make_node("Identity", ["x"], ["y"])], *sides, directory)


def distinct(directory: Path) -> Path:
    """Promise a value for each row, but give each value once; with a profile of it."""
    node = helper.make_node("Unique", ["x"], ["y"])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m"])]
    save([node], inputs, outputs, directory)
    features = [FeatureProfile(name=name, kind="Numeric", counts=[1]) for name in "xy"]
    profile = Profile(rows=1, features=features[:1], predictions=features[1:])
    (directory / "profile.json").write_bytes(profile.to_json())
    return directory


def heavy(directory: Path) -> Path:
    """Multiply [n, 512] twice by a large matrix: too long for the event loop, better together.

    It fails where a value is 13.
    """
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((512, 4096)).astype(np.float32)
    last, initializers = failing_at_13("narrow", "y")
    initializers += (
        numpy_helper.from_array(matrix, "w"),
        numpy_helper.from_array(matrix.T.copy(), "v"),
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["wide"]),
        helper.make_node("MatMul", ["wide", "v"], ["narrow"]),
        *last,
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 512])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 512])]
    return save(nodes, inputs, outputs, directory, initializers)


def boosted(directory: Path) -> tuple[Path, pd.DataFrame]:
    """Train on real data: one matrix of 30 features, with a profile; return the rows too."""
    model, profile, rows = _boosted()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.onnx").write_bytes(model)
    (directory / "profile.json").write_bytes(profile)
    return directory, rows.copy()


@functools.cache
def _boosted() -> tuple[bytes, bytes, pd.DataFrame]:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    rows, target = load_breast_cancer(return_X_y=True, as_frame=True)
    rows = rows.astype(np.float32)
    model = HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(rows, target)
    exported = convert_sklearn(
        model,
        initial_types=[("input", FloatTensorType([None, rows.shape[1]]))],
        options={id(model): {"zipmap": False}},
        target_opset=18,
    )
    features = []
    for name, column in rows.items():
        edges = sorted(set(np.quantile(column, np.linspace(0.1, 0.9, 9)).astype(float).tolist()))
        counts = np.bincount(np.searchsorted(edges, column, side="right"), minlength=len(edges) + 1)
        limits = {"minimum": float(column.min()), "maximum": float(column.max())}
        features.append(
            FeatureProfile(
                name=str(name), kind="Numeric", edges=edges, counts=counts.tolist(), **limits
            )
        )
    found = model.predict_proba(rows)[:, 1]
    counts = np.bincount(np.searchsorted([0.5], found, side="right"), minlength=2).tolist()
    prediction = FeatureProfile(name="probability", kind="Numeric", edges=[0.5], counts=counts)
    profile = Profile(rows=len(rows), features=features, predictions=[prediction])
    return exported.SerializeToString(), profile.to_json(), rows


def looping(directory: Path) -> Path:
    """Add 1 to ``x`` as often as ``n`` says: a request chooses how long it takes."""
    trips = helper.make_tensor_value_info("trips", TensorProto.INT64, [])
    going = helper.make_tensor_value_info("going", TensorProto.BOOL, [])
    before = helper.make_tensor_value_info("before", TensorProto.FLOAT, ["n", 1])
    after = helper.make_tensor_value_info("after", TensorProto.FLOAT, ["n", 1])
    on = helper.make_tensor_value_info("on", TensorProto.BOOL, [])
    body = helper.make_graph(
        [
            helper.make_node("Add", ["before", "one"], ["after"]),
            helper.make_node("Identity", ["going"], ["on"]),
        ],
        "body",
        [trips, going, before],
        [on, after],
        [numpy_helper.from_array(np.array(1, np.float32), "one")],
    )
    nodes = [
        helper.make_node("ReduceMax", ["times"], ["most"], keepdims=0),
        helper.make_node("Loop", ["most", "", "x"], ["y"], body=body),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1]),
        helper.make_tensor_value_info("times", TensorProto.INT64, ["n", 1]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    return save(nodes, inputs, outputs, directory)


def growing(directory: Path) -> Path:
    """Sum as many zeros as ``x`` says: a request chooses how much memory it takes."""
    nodes = [
        helper.make_node("Cast", ["x"], ["sizes"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["sizes"], ["size"], keepdims=0),
        helper.make_node("Reshape", ["size", "one"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    one = numpy_helper.from_array(np.array([1], np.int64), "one")
    return save(nodes, inputs, outputs, directory, (one,))


def centred(directory: Path) -> Path:
    """Subtract the mean over all rows: what a row gets depends on its company."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "axis"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    axis = numpy_helper.from_array(np.array([0], np.int64), "axis")
    return save(nodes, inputs, outputs, directory, (axis,))
