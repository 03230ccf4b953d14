"""What is not a model to be served is refused at the start, with a sentence that says why."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import doubling, save
from servers import environment

import closure
from perennial_serving.model.loaded import external, load
from perennial_serving.system.cgroup import memory_limit, quota
from perennial_serving.system.errors import ModelInvalid


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


def numbered(number: int, content: bytes) -> bytes:
    """Return a length-delimited field as protobuf writes it (its tag may be longer than usual)."""

    def varint(value: int) -> bytes:
        found = bytearray()
        while value >= 128:
            found.append(value & 127 | 128)
            value >>= 7
        return bytes([*found, value])

    return varint(number << 3 | 2) + varint(len(content)) + content


@pytest.mark.parametrize("hidden", [0, 1 << 29])  # what protobuf cuts off a tag beyond 32 bits
def test_external_data_is_found_where_protobuf_finds_it(tmp_path: Path, hidden: int) -> None:
    directory = doubling(tmp_path / "model")
    (tmp_path / "secret").write_bytes(b"\0" * 4)
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    entry = onnx.StringStringEntryProto(key="location", value="../secret").SerializeToString()
    content = tensor.SerializeToString() + numbered(13 | hidden, entry)
    graph = numbered(7 | hidden, numbered(5 | hidden, content))
    with (directory / "model.onnx").open("ab") as file:
        file.write(graph)
    found = refusal(directory, tmp_path)
    assert found["reason"] == "ModelInvalid"
    # Where protobuf itself refuses such a tag, that is told.
    words = ("leaves its directory", "not an ONNX file")
    assert any(text in found["message"] for text in words), found


def test_external_data_beside_the_model_is_read(tmp_path: Path) -> None:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    weights = numpy_helper.from_array(np.full((1, 2000), 0.5, np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["wide"]),
        helper.make_node("ReduceMean", ["wide"], ["y"], keepdims=1),
    ]
    directory = save(nodes, inputs, outputs, tmp_path, (weights,))
    model = onnx.load(directory / "model.onnx")
    onnx.save(model, directory / "model.onnx", save_as_external_data=True, location="weights")
    assert (directory / "weights").stat().st_size == 8000
    assert external.locations((directory / "model.onnx").read_bytes()) == {"weights"}
    found = load(directory, "m", "1").run({"x": np.ones((1, 1), np.float32)})
    np.testing.assert_allclose(found[0], 0.5)
    (directory / "weights").unlink()
    with pytest.raises(ModelInvalid, match="'weights' is not in its directory"):
        load(directory, "m", "1")


def test_a_large_model_is_looked_through_at_no_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the key of an external file in its bytes, protobuf reads it only once."""
    monkeypatch.setattr(external, "locations", lambda _: pytest.fail("it was read"))
    external.check(b"\x0a" * (64 << 20), tmp_path)


def test_the_runtimes_own_format_is_refused(tmp_path: Path) -> None:
    directory = doubling(tmp_path / "model")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(
        str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    (directory / "model.onnx").write_bytes((tmp_path / "model.ort").read_bytes())
    found = refusal(directory, tmp_path)
    assert found["reason"] == "ModelInvalid" and "export it as ONNX" in found["message"]


def test_the_images_have_the_locale_that_models_of_text_need(tmp_path: Path) -> None:
    closure.locale(tmp_path)
    node = helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER")
    inputs = [helper.make_tensor_value_info("x", TensorProto.STRING, ["n"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.STRING, ["m"])]
    directory = save([node], inputs, outputs, tmp_path / "model")
    program = (
        "import onnxruntime, sys; session = onnxruntime.InferenceSession(sys.argv[1]);"
        "print(*session.run(None, {'x': ['\u00c4PFEL', '\u03a3\u0391']})[0])"
    )
    command = [sys.executable, "-c", program, str(directory / "model.onnx")]
    variables = {**environment(), "LOCPATH": str(tmp_path / "usr/lib/locale")}
    done = subprocess.run(command, env=variables, capture_output=True, encoding="utf-8", timeout=60)
    assert done.stdout.split() == ["\u00e4pfel", "\u03c3\u03b1"], done.stderr


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
