"""Rankings of the shop as ONNX models: what was there before anything is learned, and a bad one.

All take and give what a model does that is trained on the same inputs, so that each can take over
from each: ``FEATURES``, each of shape (n, 1), and ``probabilities`` of shape (n, 2), by the second
column of which candidates are ranked.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from perennial_artifact.manifest import MANIFEST, MODEL, Column, File, Manifest, Signature, Tensor
from shop.data import INPUTS

FEATURES = [name for name in INPUTS if name != "month"]
"""What models learn from. No month: what was learned from March on knows of no January."""
CLASSES = ["0", "1"]
SIGNATURE = Signature(
    inputs=[Tensor(name=name, datatype="FP32", shape=[-1, 1]) for name in FEATURES],
    outputs=[
        Tensor(name="label", datatype="INT64", shape=[-1]),
        Tensor(name="probabilities", datatype="FP32", shape=[-1, 2]),
    ],
)
Step = tuple[str, Sequence[str], str]
"""An operator of ONNX, its inputs, and what its output is called; the last one is ``score``."""

POPULARITY: list[Step] = [("Identity", ["recent_share"], "score")]
HABIT: list[Step] = [
    ("Add", ["times_bought", "recent_share"], "times"),
    ("Add", ["times", "one"], "more"),
    ("Div", ["times", "more"], "score"),
]
"""How often the customer bought it, then popularity."""
RANDOM: list[Step] = [
    ("Mul", ["recent_share", "much"], "a"),
    ("Mul", ["all_share", "much"], "b"),
    ("Add", ["a", "b"], "c"),
    ("Add", ["c", "hour"], "sum"),
    ("Floor", ["sum"], "whole"),
    ("Sub", ["sum", "whole"], "score"),
]
"""What is behind the point of a large number: as good as a draw, and the same for the same inputs.
It fails no request, and is as quick as any: nothing but rewards shows that it is bad."""


def onnx_model(steps: Sequence[Step]) -> bytes:
    """Return a model whose second probability is what the steps make of the inputs, 0 to 1."""
    takes = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 1]) for n in FEATURES]
    gives = [
        helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
    ]
    nodes = [helper.make_node(operator, inputs, [output]) for operator, inputs, output in steps]
    nodes += [
        helper.make_node("Sub", ["one", "score"], ["other"]),
        helper.make_node("Concat", ["other", "score"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    used = {name for _, inputs, _ in steps for name in inputs} | {"one"}
    numbers = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("one", 1.0), ("much", 1e5))
        if name in used
    ]
    graph = helper.make_graph(nodes, "ranking", takes, gives, numbers)
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_artifact(steps: Sequence[Step], directory: Path) -> None:
    """Write a ranking as an artifact that the server takes."""
    content = onnx_model(steps)
    manifest = Manifest(
        task="Classification",
        classes=CLASSES,
        columns=[Column(name=name, kind="Number") for name in FEATURES],
        signature=SIGNATURE,
        files={MODEL: File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))},
    )
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MODEL).write_bytes(content)
    (directory / MANIFEST).write_bytes(manifest.to_json())


def first_choice(model: bytes, inputs: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return which candidate a model shows first, of each request.

    Args:
        model: an ONNX file that takes ``FEATURES``.
        inputs: of shape (requests, candidates, ``len(INPUTS)``).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options)
    found = []
    for part in np.array_split(inputs, max(1, len(inputs) // 500)):
        rows = part.reshape(-1, part.shape[2])
        asked = {name: rows[:, INPUTS.index(name)].reshape(-1, 1) for name in FEATURES}
        scores = session.run(["probabilities"], asked)[0][:, 1]
        found.append(scores.reshape(part.shape[:2]).argmax(axis=1))
    return np.concatenate(found)
