"""Typed contents that are read and written in parts mean the same as in one message."""

import struct
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as pb

from effort import tried

# A process can know messages of these names once; Triton's are the same.
sys.modules.setdefault("perennial_serving.protocol.inference_pb2", pb)

from perennial_serving.protocol import contents, rpc, wire  # noqa: E402
from perennial_serving.protocol.tensors import DTYPES  # noqa: E402
from perennial_serving.system.errors import RequestError  # noqa: E402

BY_FIELD: dict[str, Any] = {
    "bool_contents": st.booleans(),
    "int_contents": st.integers(-(2**31), 2**31 - 1),
    "int64_contents": st.integers(-(2**63), 2**63 - 1),
    "uint_contents": st.integers(0, 2**32 - 1),
    "uint64_contents": st.integers(0, 2**64 - 1),
    "fp32_contents": st.floats(width=32, allow_nan=False),
    "fp64_contents": st.floats(allow_nan=False),
    "bytes_contents": st.binary(max_size=20),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "PIECE", 24)
    monkeypatch.setattr(wire, "SMALL", 8)


def requests(draw: Any) -> Any:
    request = pb.ModelInferRequest(model_name="m", id="a")
    for n in range(draw(st.integers(0, 3))):
        tensor = request.inputs.add(name=f"x{n}", datatype="FP32", shape=[3, 1])
        tensor.parameters["a"].int64_param = 3
        for field in draw(st.sets(st.sampled_from(sorted(BY_FIELD)), max_size=2)):
            values = draw(st.lists(BY_FIELD[field], max_size=60))
            getattr(tensor.contents, field).extend(values)
        request.outputs.add(name="y")
    return request


@given(st.data())
@tried(300)
def test_a_request_whose_contents_are_lifted_says_the_same(data: Any) -> None:
    request = requests(data.draw)
    rest, found = wire.lifted(request.SerializeToString())
    again = pb.ModelInferRequest.FromString(rest)
    for place, parts in found.items():
        assert not again.inputs[place].HasField("contents")
        for part in parts:
            for piece in wire.pieces(part, contents._SIZES):
                assert len(piece) <= 24 + 32
                again.inputs[place].contents.MergeFromString(piece)
    assert again == request


def unpacked(values: list[float]) -> bytes:
    """Return numbers one by one, as old writers do."""
    return b"".join(b"\x35" + struct.pack("<f", value) for value in values)


def test_numbers_that_are_not_packed_are_read_too() -> None:
    values = [float(n) for n in range(40)]
    request = pb.ModelInferRequest(model_name="m")
    request.inputs.add(name="x", datatype="FP32", shape=[40])
    tensor = request.inputs[0].SerializeToString() + wire.field(5, unpacked(values[:20]))
    tensor += wire.field(5, unpacked(values[20:]))
    message = b"\x0a\x01m" + wire.field(5, tensor)
    _, found = wire.lifted(message)
    assert contents.Typed(found[0]).read("x", "FP32", [40]).tolist() == values


@pytest.mark.parametrize(
    ("content", "shape", "words"),
    [
        (b"\x35" * 101, [20], "do not end"),
        (unpacked([1.0] * 20), [21], "fewer"),
        (unpacked([1.0] * 20), [10**12], "fewer"),
        (unpacked([1.0] * 20), [19], "more"),
        (wire.field(8, b"abc") * 20, [20], "bytes_contents"),
        (wire.field(2, b"\xff" * 90), [90], "protobuf"),
        (b"", [20], "fewer"),
    ],
)
def test_contents_that_do_not_fit_are_told(content: bytes, shape: list[int], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        contents.Typed([memoryview(content)]).read("x", "FP32", shape)


@given(st.sampled_from(sorted(contents.FIELDS)), st.integers(0, 40))
@tried(100)
def test_values_are_written_in_parts(datatype: str, count: int) -> None:
    values = (np.arange(count) % 2).astype(DTYPES[datatype])
    if datatype == "BYTES":
        values = np.array([str(n) for n in range(count)], object)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "AT_ONCE", 7)
        written = b"".join(contents.parts(datatype, values))
    expected = pb.InferTensorContents()
    contents.fill(expected, datatype, values)
    assert pb.InferTensorContents.FromString(written) == expected


def test_an_answer_keeps_the_order_of_its_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "AT_ONCE", 4)
    model = type("Model", (), {"name": "m", "version": "1"})
    engine: Any = type("Engine", (), {"plane": type("Plane", (), {"model": model})})
    call = rpc.GrpcCall(engine, type("Call", (), {})(), 1000)  # type: ignore[arg-type]
    named = [("a", 3), ("b", 9), ("c", 3)]
    tensors: Any = [
        (type("Tensor", (), {"name": n, "datatype": "INT64"}), np.arange(size)) for n, size in named
    ]
    answer = pb.ModelInferResponse.FromString(call.encode(tensors, "id", None))
    assert answer.id == "id" and answer.model_name == "m"
    found = [(o.name, list(o.contents.int64_contents)) for o in answer.outputs]
    assert found == [(n, list(range(size))) for n, size in named]
