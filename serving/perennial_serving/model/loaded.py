"""One ONNX model: loaded, checked against its manifest, run."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from perennial_artifact.manifest import MANIFEST, MODEL, PROFILE, Column, Manifest, Tensor
from perennial_serving.model import external
from perennial_serving.model.datatypes import DTYPES, TYPES, Arrays
from perennial_serving.system.cgroup import bounded_memory, memory_limit
from perennial_serving.system.errors import ModelInvalid

# A node's field of the operator's name (4), with one that repeats as its inputs' values say. Other
# bytes that look so cost a little speed.
_REPEATING = (b"\x22\x04Loop", b"\x22\x04Scan")
MAXIMUM_WARM_UP_VALUES = 10_000_000

Axis = tuple[str, int]
"""An input and one of its dimensions."""


@dataclass(frozen=True)
class Model:
    """A loaded model under the name and version that clients know.

    ``shared`` are groups of dimensions that must have one size in a request, such as the batch.
    ``columns`` say what the inputs of a model that we trained hold; ``classes`` are those of the
    columns of the output ``probabilities``, in their order.
    """

    name: str
    version: str
    sha256: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    shared: tuple[tuple[Axis, ...], ...]
    profile: bytes | None
    session: Any
    is_predictable: bool = True
    """Whether a run's time follows from the shapes: nothing in it repeats as values say."""
    columns: Sequence[Column] = ()
    classes: Sequence[str] = ()

    def run(self, feeds: Arrays) -> list[NDArray[Any]]:
        """Run the model; arrays by input name in, arrays in the order of ``outputs`` out."""
        return list(self.session.run(self.output_names, feeds))

    @cached_property
    def output_names(self) -> list[str]:
        """The outputs in their order."""
        return [t.name for t in self.outputs]

    @cached_property
    def is_batchable(self) -> bool:
        """Whether rows of several requests may run together: all that varies first is the batch."""
        tensors = (*self.inputs, *self.outputs)
        if not all(t.shape and t.shape[0] == -1 for t in tensors):
            return False
        first = {(t.name, 0) for t in self.inputs}
        return len(first) == 1 or any(first <= set(axes) for axes in self.shared)

    def warm_up(self) -> float:
        """Run one empty row, so that no client waits for first allocations; return the seconds.

        A model that fails on it may well be right about real rows.

        Raises:
            ModelInvalid: it asks for more memory than there is.
        """
        feeds: dict[str, NDArray[Any]] = {}
        for tensor in self.inputs:
            shape = [1 if d < 0 else d for d in tensor.shape]
            if math.prod(shape) > MAXIMUM_WARM_UP_VALUES:
                return 0.0
            empty = "" if tensor.datatype == "BYTES" else 0
            feeds[tensor.name] = np.full(shape, empty, dtype=DTYPES[tensor.datatype])
        taken = 0.0
        try:
            with bounded_memory(memory_limit()):
                for _ in range(2):
                    began = time.perf_counter()
                    self.run(feeds)
                    taken = time.perf_counter() - began
        except Exception as error:
            if _is_memory(error):
                raise ModelInvalid(f"one row cannot be run: {error}{_asks()}") from error
            return 0.0
        return taken


def load(directory: Path, name: str, version: str, threads: int = 1) -> Model:
    """Load a directory with model.onnx and, optionally, manifest.json and profile.json.

    Raises:
        ModelInvalid: onnxruntime refuses it, or it is not what the manifest says.
    """
    file = directory / MODEL
    if not file.is_file():
        raise ModelInvalid(f"{directory} has no {MODEL}")
    manifest, digest = _manifest(directory)
    content = file.read_bytes()
    external.check(content, directory)
    is_predictable = not any(operator in content for operator in _REPEATING)
    del content
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A failing model says why in its answers; onnxruntime would say it once more for each request.
    options.log_severity_level = 4
    # A spinning thread eats the CPU limit of a pod that has next to nothing to do.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Not by how the file begins.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        # Operators of custom libraries are unknown to onnxruntime, since none is registered.
        with bounded_memory(memory_limit()):
            # By its path, for onnxruntime takes other files relative to that, and for bytes
            # relative to wherever the process runs.
            session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
    except Exception as error:
        more = _asks() if _is_memory(error) else ""
        raise ModelInvalid(f"{MODEL} cannot be loaded: {error}{more}") from error
    inputs, outputs = _tensors(session.get_inputs()), _tensors(session.get_outputs())
    if manifest is not None:
        for what, promised, found in (
            ("takes", manifest.signature.inputs, inputs),
            ("gives", manifest.signature.outputs, outputs),
        ):
            p, f = ({t.name: t.datatype for t in side} for side in (promised, found))
            if p != f:
                raise ModelInvalid(f"{MODEL} {what} {f}, but the manifest promises {p}")
    profile = directory / PROFILE
    return Model(
        name=name,
        version=version,
        sha256=digest,
        inputs=inputs,
        outputs=outputs,
        shared=_shared(session.get_inputs()),
        profile=profile.read_bytes() if profile.is_file() else None,
        session=session,
        is_predictable=is_predictable,
        columns=manifest.columns if manifest is not None else (),
        classes=manifest.classes if manifest is not None else (),
    )


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "alloc" in str(error)


def _asks() -> str:
    return f"; it asks for more than the {memory_limit() >> 20} MiB of memory that there are"


def _manifest(directory: Path) -> tuple[Manifest | None, str]:
    """Return the manifest, with every file checked against it, and its digest."""
    path = directory / MANIFEST
    if not path.is_file():
        return None, ""
    document = path.read_bytes()
    try:
        manifest = Manifest.from_json(document)
    except ValueError as error:
        raise ModelInvalid(f"{MANIFEST} cannot be read: {error}") from error
    for name, file in manifest.files.items():
        if not (directory / name).is_file():
            raise ModelInvalid(f"{directory} has no {name}, which {MANIFEST} lists")
        with (directory / name).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != file.sha256:
            raise ModelInvalid(f"{name} has sha256 {found}, but {MANIFEST} says {file.sha256}")
    return manifest, hashlib.sha256(document).hexdigest()


def _tensors(nodes: Any) -> tuple[Tensor, ...]:
    for node in nodes:
        if node.type not in TYPES:
            raise ModelInvalid(f"{node.name} is a {node.type}, which the protocol cannot carry")
    return tuple(
        Tensor(
            name=n.name,
            datatype=TYPES[n.type][0],
            shape=[d if isinstance(d, int) else -1 for d in n.shape],
        )
        for n in nodes
    )


def _shared(nodes: Any) -> tuple[tuple[Axis, ...], ...]:
    """Group dimensions of the same name; first dimensions without one are the batch."""
    groups: dict[str | None, list[Axis]] = {}
    for node in nodes:
        for axis, dimension in enumerate(node.shape):
            if isinstance(dimension, str) or (dimension is None and axis == 0):
                groups.setdefault(dimension, []).append((node.name, axis))
    return tuple(tuple(axes) for axes in groups.values() if len(axes) > 1)
