"""What is not a model to be served is refused at the start, with a sentence that says why."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import doubling, save
from servers import environment

from perennial_serving.cgroup import memory_limit, quota


def refusal(directory: Path, tmp_path: Path) -> dict[str, str]:
    """Start a server that must not come up; return what it leaves as its pod's last words."""
    log = tmp_path / "termination-log"
    command = [sys.executable, "-m", "perennial_serving", "--model-dir", str(directory)]
    command += ["--host", "127.0.0.1", "--http-port", "0", "--grpc-port", "0"]
    command += ["--metrics-port", "0"]
    variables = {**environment(), "PERENNIAL_TERMINATION_LOG": str(log)}
    done = subprocess.run(command, env=variables, capture_output=True, timeout=60)
    assert done.returncode == 1
    found: dict[str, str] = json.loads(log.read_text())
    return found


def hungry(directory: Path, size: int) -> Path:
    """Ask for ``size`` floats as soon as it is loaded."""
    shape = numpy_helper.from_array(np.array([size], np.int64), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    return save(nodes, inputs, outputs, directory, (shape,))


def test_a_model_that_asks_for_absurd_memory_is_refused(tmp_path: Path) -> None:
    found = refusal(hungry(tmp_path / "model", memory_limit() // 2), tmp_path)
    assert found["reason"] == "ModelInvalid"
    assert "MiB" in found["message"]


def test_external_data_cannot_leave_the_directory(tmp_path: Path) -> None:
    directory = doubling(tmp_path / "model")
    (tmp_path / "secret").write_bytes(b"\0" * 4)
    model = onnx.load(directory / "model.onnx")
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    model.graph.initializer.append(tensor)
    (directory / "model.onnx").write_bytes(model.SerializeToString())
    found = refusal(directory, tmp_path)
    assert found["reason"] == "ModelInvalid" and "leaves its directory" in found["message"]


def test_operators_of_custom_libraries_are_refused(tmp_path: Path) -> None:
    node = helper.make_node("Anything", ["x"], ["y"], domain="com.example")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    found = refusal(save([node], inputs, outputs, tmp_path / "model"), tmp_path)
    assert found["reason"] == "ModelInvalid" and "com.example" in found["message"]


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\x08\x09"])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "model.onnx").write_bytes(content)
    assert refusal(directory, tmp_path)["reason"] == "ModelInvalid"


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    assert "model.onnx" in refusal(tmp_path, tmp_path)["message"]


@pytest.mark.parametrize(
    ("files", "cpus", "memory"),
    [
        ({"cpu.max": "150000 100000", "memory.max": "1048576"}, 1.5, 1048576),
        ({"cpu.max": "max 100000", "memory.max": "max"}, float("inf"), None),
        (
            {
                "cpu/cpu.cfs_quota_us": "200000",
                "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "2097152",
            },
            2.0,
            2097152,
        ),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, float("inf"), None),
        ({}, float("inf"), None),
    ],
)
def test_limits_are_read_from_both_versions_of_cgroups(
    tmp_path: Path, files: dict[str, str], cpus: float, memory: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert quota(tmp_path) == cpus
    assert memory_limit(tmp_path) == (memory or memory_limit(Path("/nowhere")))
