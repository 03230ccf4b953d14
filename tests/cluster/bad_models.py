"""Real ONNX models that are bad in one way each, made from a good one."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from flights import demo
from perennial_artifact.manifest import MODEL, File, Tensor
from perennial_artifact.store import fetch, publish

Change = Callable[[bytes], bytes]


def publish_changed(
    good: dict[str, Any], change: Change, more: tuple[Tensor, ...] = ()
) -> dict[str, str]:
    """Publish a good artifact with its model changed; return the new one's uri and sha256.

    ``more`` are inputs that the changed model takes beside those of the good one.
    """
    with demo.store_settings() as settings, tempfile.TemporaryDirectory() as place:
        secret, directory = Path(place, "secret"), Path(place, "artifact")
        secret.mkdir()
        for name, value in settings.items():
            (secret / name).write_text(value)
        manifest = fetch(good["uri"], good["sha256"], directory, secret)
        content = change((directory / MODEL).read_bytes())
        (directory / MODEL).write_bytes(content)
        manifest.files[MODEL] = File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        takes = manifest.signature.replace(inputs=[*manifest.signature.inputs, *more])
        manifest = manifest.replace(signature=takes)
        (directory / "manifest.json").write_bytes(manifest.to_json())
        uri, digest, _ = publish(directory, "s3://models", secret)
    return {"uri": uri, "sha256": digest}


def _after(graph: onnx.GraphProto, output: str) -> str:
    """Rename what computes an output, so that more can be put behind it; return the new name."""
    for node in graph.node:
        for n, name in enumerate(node.output):
            if name == output:
                node.output[n] = f"{output}_before"
    return f"{output}_before"


def _constant(graph: onnx.GraphProto, name: str, values: Any) -> str:
    graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
    return name


def failing(content: bytes) -> bytes:
    """Fail for every request whose number of rows is no multiple of 7."""
    model = onnx.load_from_string(content)
    graph = model.graph
    last = graph.output[0].name
    before = _after(graph, last)
    sevens, flat = _constant(graph, "sevens", [-1, 7]), _constant(graph, "flat", [-1])
    graph.node.append(helper.make_node("Reshape", [before, sevens], ["in_sevens"]))
    graph.node.append(helper.make_node("Reshape", ["in_sevens", flat], [last]))
    return bytes(model.SerializeToString())


def slow(content: bytes) -> bytes:
    """Multiply two large matrices for every request: 5.5e9 operations, 20 ms or more anywhere."""
    model = onnx.load_from_string(content)
    graph = model.graph
    last = graph.output[1].name
    before = _after(graph, last)
    both, size = _constant(graph, "both", [0, 1]), _constant(graph, "size", [1400, 1400])
    nothing = numpy_helper.from_array(np.zeros((1, 1), np.float32), "nothing")
    graph.initializer.append(nothing)
    for operator, inputs, output in (
        ("ReduceSum", ["hour", both], "total"),
        ("Expand", ["total", size], "matrix"),
        ("MatMul", ["matrix", "matrix"], "product"),
        ("ReduceSum", ["product", both], "sum"),
        ("Mul", ["sum", "nothing"], "zero"),
        ("Add", [before, "zero"], last),
    ):
        graph.node.append(helper.make_node(operator, inputs, [output]))
    return bytes(model.SerializeToString())


def fails_every_fifth(content: bytes, name: str) -> bytes:
    """Return a model that fails where the hour is a multiple of five; its name makes it another."""
    model = onnx.load_from_string(content)
    graph = model.graph
    graph.doc_string = name
    last = graph.output[1].name
    before = _after(graph, last)
    for key, value in (("five", np.float32(5)), ("one", np.float32(1))):
        graph.initializer.append(numpy_helper.from_array(np.array(value), key))
    graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.int64), "nothing_64"))
    for operator, inputs, output, options in (
        ("Mod", ["hour", "five"], "rest", {"fmod": 1}),
        ("ReduceMin", ["rest"], "least", {"keepdims": 0}),
        ("Min", ["least", "one"], "fine", {}),
        ("Sub", ["one", "fine"], "bad", {}),
        ("Cast", ["bad"], "beyond", {"to": onnx.TensorProto.INT64}),
        ("Gather", ["nothing_64", "beyond"], "zero_64", {}),
        ("Cast", ["zero_64"], "zero", {"to": onnx.TensorProto.FLOAT}),
        ("Add", [before, "zero"], last, {}),
    ):
        graph.node.append(helper.make_node(operator, inputs, [output], **options))
    return bytes(model.SerializeToString())


VISITS = Tensor(name="visits", datatype="FP32", shape=[-1, 1])


def demanding(content: bytes) -> bytes:
    """Need a column that no client sends yet."""
    model = onnx.load_from_string(content)
    hour = next(i for i in model.graph.input if i.name == "hour")
    model.graph.input.add().CopyFrom(hour)
    model.graph.input[-1].name = VISITS.name
    return bytes(model.SerializeToString())


def broken(content: bytes) -> bytes:
    """Return a file that is no model."""
    return content[: len(content) // 2]


def opposite(content: bytes) -> bytes:
    """Answer each probability's opposite: it fails no request, and it is wrong."""
    model = onnx.load_from_string(content)
    graph = model.graph
    last = graph.output[1].name
    before = _after(graph, last)
    graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), "whole"))
    graph.node.append(helper.make_node("Sub", ["whole", before], [last]))
    return bytes(model.SerializeToString())


def hesitant(content: bytes) -> bytes:
    """Give either class the probability of a half: it knows nothing, and is never far off."""
    model = onnx.load_from_string(content)
    graph = model.graph
    last = graph.output[1].name
    before = _after(graph, last)
    for name, value in (("none_of_it", 0), ("half", 0.5)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    graph.node.append(helper.make_node("Mul", [before, "none_of_it"], ["nothing_left"]))
    graph.node.append(helper.make_node("Add", ["nothing_left", "half"], [last]))
    return bytes(model.SerializeToString())


def renamed(content: bytes) -> bytes:
    """Return the same model under another name: another artifact that answers the same."""
    model = onnx.load_from_string(content)
    model.graph.doc_string = "the same once more"
    return bytes(model.SerializeToString())
