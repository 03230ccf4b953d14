"""One ONNX model: loaded, checked against its manifest, run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from perennial_artifact.manifest import MANIFEST, MODEL, PROFILE, Manifest, Tensor
from perennial_serving.errors import ModelInvalid

DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


def cpu_limit(root: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the CPUs that the cgroup allows (v2, then v1), or those of the machine."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
        if quota != "max":
            return int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota_us = int((root / "cpu" / "cpu.cfs_quota_us").read_text())
        if quota_us > 0:
            return quota_us / int((root / "cpu" / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        pass
    return float(os.cpu_count() or 1)


@dataclass(frozen=True)
class Model:
    """A loaded model under the name and version that clients know."""

    name: str
    version: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    classes: tuple[str, ...]
    profile: bytes | None
    session: Any

    def run(self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Run the model; arrays by input name in, arrays in the order of ``outputs`` out."""
        return list(self.session.run(list(outputs), dict(feeds)))


def load(directory: Path, name: str, version: str) -> Model:
    """Load a directory with model.onnx and, optionally, manifest.json and profile.json.

    Raises:
        ModelInvalid: onnxruntime refuses it, or it is not what the manifest says.
    """
    file = directory / MODEL
    if not file.is_file():
        raise ModelInvalid(f"{directory} has no {MODEL}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(1, int(cpu_limit()))
    options.inter_op_num_threads = 1
    # A spinning thread eats the CPU limit of a pod that has next to nothing to do.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # From memory, so that external data has no directory to be read from.
        session = onnxruntime.InferenceSession(
            file.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        inputs, outputs = _tensors(session.get_inputs()), _tensors(session.get_outputs())
    except Exception as error:
        raise ModelInvalid(f"{MODEL} cannot be loaded: {error}") from error
    classes: tuple[str, ...] = ()
    if (directory / MANIFEST).is_file():
        manifest = Manifest.model_validate_json((directory / MANIFEST).read_bytes())
        promised = {t.name: t.datatype for t in manifest.signature.inputs}
        found = {t.name: t.datatype for t in inputs}
        if promised != found:
            raise ModelInvalid(f"{MODEL} takes {found}, but the manifest promises {promised}")
        classes = tuple(manifest.classes)
    profile = directory / PROFILE
    return Model(
        name=name,
        version=version,
        inputs=inputs,
        outputs=outputs,
        classes=classes,
        profile=profile.read_bytes() if profile.is_file() else None,
        session=session,
    )


def _tensors(nodes: Any) -> tuple[Tensor, ...]:
    for node in nodes:
        if node.type not in DATATYPES:
            raise ModelInvalid(f"{node.name} is a {node.type}, which the protocol cannot carry")
    return tuple(
        Tensor(
            name=n.name,
            datatype=DATATYPES[n.type],
            shape=[d if isinstance(d, int) else -1 for d in n.shape],
        )
        for n in nodes
    )
