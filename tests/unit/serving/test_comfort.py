"""What a client may write to a model that we trained, and what one that we did not asks of it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_models import save
from servers import Server, serving
from test_requests import ask
from tritonclient.grpc import service_pb2 as pb

from perennial_artifact.manifest import Column, File, Manifest, Signature, Tensor

KINDS = {"age": "Number", "city": "Category", "member": "Boolean", "since": "Time"}
TYPES = {
    "age": ("FP32", TensorProto.FLOAT),
    "city": ("BYTES", TensorProto.STRING),
    "member": ("FP32", TensorProto.FLOAT),
    "since": ("FP64", TensorProto.DOUBLE),
}
NOON = 1_769_860_800.0  # 2026-01-31T12:00:00Z


def columns(directory: Path, manifest: bool) -> Path:
    """Give back an input of each kind, and probabilities of two classes."""
    nodes, inputs, outputs = [], [], []
    for name, (_, kind) in TYPES.items():
        nodes.append(helper.make_node("Identity", [name], [f"{name}_out"]))
        inputs.append(helper.make_tensor_value_info(name, kind, ["n", 1]))
        outputs.append(helper.make_tensor_value_info(f"{name}_out", kind, ["n", 1]))
    nodes.append(helper.make_node("Concat", ["age", "age"], ["probabilities"], axis=1))
    outputs.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2]))
    save(nodes, inputs, outputs, directory)
    if manifest:
        content = (directory / "model.onnx").read_bytes()
        types = [(name, datatype) for name, (datatype, _) in TYPES.items()]
        given = [Tensor(name=n, datatype=t, shape=[-1, 1]) for n, t in types]
        found = [Tensor(name=f"{n}_out", datatype=t, shape=[-1, 1]) for n, t in types]
        found.append(Tensor(name="probabilities", datatype="FP32", shape=[-1, 2]))
        written = Manifest(
            task="Classification",
            classes=["no", "yes"],
            columns=[Column(name=n, kind=k) for n, k in KINDS.items()],  # type: ignore[arg-type]
            signature=Signature(inputs=given, outputs=found),
            files={
                "model.onnx": File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            },
        )
        (directory / "manifest.json").write_bytes(written.to_json())
    return directory


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(columns(tmp_path_factory.mktemp("trained"), True)) as found:
        yield found


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(columns(tmp_path_factory.mktemp("imported"), False)) as found:
        yield found


def one(name: str, data: Any, **changes: Any) -> dict[str, Any]:
    shape = [len(data), 1]
    return {"name": name, "shape": shape, "datatype": TYPES[name][0], "data": data, **changes}


def outputs(server: Server, *inputs: dict[str, Any]) -> dict[str, list[Any]]:
    status, answer = ask(server, json.dumps({"inputs": inputs}).encode())
    assert status == 200, answer
    return {o["name"].removesuffix("_out"): o["data"] for o in answer["outputs"]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (one("age", [1.5, None, 3]), [1.5, None, 3.0]),
        (one("city", ["Bonn", None]), ["Bonn", ""]),
        (one("city", [None, None]), ["", ""]),
        (one("city", [[None], ["Bonn"]]), ["", "Bonn"]),
        (one("member", [True, False, None, 1]), [1.0, 0.0, None, 1.0]),
        (one("member", [True, False], datatype="BOOL"), [1.0, 0.0]),
        (one("since", [NOON, None]), [NOON, None]),
        (
            one(
                "since",
                ["2026-01-31T12:00:00Z", None, "2026-01-31T13:00:00.5+01:00", ""],
                datatype="BYTES",
            ),
            [NOON, None, NOON + 0.5, None],
        ),
        (one("age", [1, 2, 3], shape=[3]), [1.0, 2.0, 3.0]),
    ],
)
def test_a_trained_model_takes_what_a_table_has(
    trained: Server, given: dict[str, Any], expected: list[Any]
) -> None:
    assert outputs(trained, given)[given["name"]] == expected


def test_what_is_left_out_is_missing(trained: Server) -> None:
    assert outputs(trained, one("age", [1.0, 2.0])) == {
        "age": [1.0, 2.0],
        "city": ["", ""],
        "member": [None, None],
        "since": [None, None],
        "probabilities": [1.0, 1.0, 2.0, 2.0],
    }
    status, answer = ask(trained, b'{"inputs": []}')
    assert status == 400 and "input age, city, member, since is missing" in answer["error"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (one("city", [1]), "expected strings in data of BYTES, got a number"),
        (one("age", [True]), "expected numbers or null in data of FP32, got a boolean"),
        (one("since", ["noon"], datatype="BYTES"), "expected times such as 2026-01-31T12:00:00Z"),
        (one("age", [1.0], datatype="BYTES"), "expected datatype FP32, got 'BYTES'"),
        (one("age", [1.0, 2.0], shape=[2, 1, 1]), "expected shape [-1, 1], got 3 dimensions"),
    ],
)
def test_what_is_wrong_is_told_all_the_same(
    trained: Server, given: dict[str, Any], words: str
) -> None:
    status, answer = ask(trained, json.dumps({"inputs": [given]}).encode())
    assert status == 400 and words in answer["error"], answer


@pytest.mark.parametrize("word", [b"NaN", b"-Infinity", b"nan"])
def test_who_writes_nan_is_told_to_write_null(trained: Server, word: bytes) -> None:
    for count in (1, 1001):
        more = b", 1.5" * (count - 1)
        body = json.dumps({"inputs": [one("age", [1.5], shape=[count, 1])]}).encode()
        status, answer = ask(trained, body.replace(b"1.5", word + more))
        assert status == 400
        assert f"JSON has no {word.decode()}: write null for a number" in answer["error"], answer


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"city": {"data": [None]}}, "expected strings in data of BYTES, got null"),
        ({"member": {"data": [True]}}, "expected numbers or null in data of FP32, got a boolean"),
        ({"since": {"data": ["2026-01-31T12:00:00Z"], "datatype": "BYTES"}}, "datatype FP64"),
        ({"age": {"shape": [1]}}, "expected shape [-1, 1], got 1 dimensions"),
        ({"age": None}, "input age is missing"),
    ],
)
def test_a_model_that_says_nothing_of_its_columns_is_strict(
    imported: Server, changes: dict[str, Any], words: str
) -> None:
    values = {"age": 1.0, "city": "Bonn", "member": 1.0, "since": NOON}
    given = [
        {**one(name, [value]), **changes.get(name, {})}
        for name, value in values.items()
        if changes.get(name, {}) is not None
    ]
    status, answer = ask(imported, json.dumps({"inputs": given}).encode())
    assert status == 400 and words in answer["error"], answer


def test_the_same_over_grpc(trained: Server) -> None:
    request = pb.ModelInferRequest(model_name="m")
    member = request.inputs.add(name="member", datatype="BOOL", shape=[2])
    member.contents.bool_contents.extend([True, False])
    since = request.inputs.add(name="since", datatype="BYTES", shape=[2, 1])
    since.contents.bytes_contents.extend([b"2026-01-31T12:00:00Z", b""])
    with grpc.insecure_channel(f"127.0.0.1:{trained.grpc}") as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        answer = pb.ModelInferResponse.FromString(infer(request.SerializeToString(), timeout=20))
    found = {o.name: o.contents for o in answer.outputs}
    assert list(found["member_out"].fp32_contents) == [1.0, 0.0]
    np.testing.assert_array_equal(found["since_out"].fp64_contents, [NOON, np.nan])
    assert list(found["city_out"].bytes_contents) == [b"", b""]


def test_metadata_tells_classes_and_kinds(trained: Server) -> None:
    status, answer = ask(trained, b"", "/v2/models/m", "GET")
    assert status == 200
    assert {t["name"]: t["parameters"]["kind"] for t in answer["inputs"]} == KINDS
    told = {t["name"]: t.get("parameters") for t in answer["outputs"]}
    assert told["probabilities"] == {"classes": ["no", "yes"]} and told["age_out"] is None


def test_metadata_over_grpc_tells_the_same(trained: Server) -> None:
    request = pb.ModelMetadataRequest(name="m").SerializeToString()
    with grpc.insecure_channel(f"127.0.0.1:{trained.grpc}") as channel:
        ask_metadata = channel.unary_unary("/inference.GRPCInferenceService/ModelMetadata")
        content = ask_metadata(request, timeout=20)
    assert pb.ModelMetadataResponse.FromString(content).name == "m"  # others pass it over
    assert all(kind.encode() in content for kind in KINDS.values())
    assert b'["no","yes"]' in content
