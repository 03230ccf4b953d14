"""Whatever comes, over either transport: an answer of the protocol, never a 500, never a hang."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx_models import DATATYPES, echo
from servers import Server, serving
from tritonclient.grpc import service_pb2 as pb

from effort import tried

BOUNDED = tried(150)
ALLOWED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
names = st.sampled_from([f"x_{d}" for d in DATATYPES]) | st.text(max_size=8)
datatypes = st.sampled_from([*DATATYPES, "FP8", "bytes", ""])
shapes = st.lists(st.integers(-2, 3) | st.just(2**62), max_size=4) | st.just([2, 2])
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(10**400)
)
anything = st.recursive(
    scalars, lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(max_size=3), c, max_size=3)
)
parameters = st.none() | st.fixed_dictionaries(
    {}, optional={"binary_data_size": st.integers(-1, 64) | anything, "binary_data": anything}
)
tensors = st.fixed_dictionaries(
    {"name": names, "shape": shapes, "datatype": datatypes},
    optional={"data": st.lists(scalars, max_size=6) | anything, "parameters": parameters},
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3)},
    optional={"id": anything, "parameters": anything, "outputs": st.lists(anything, max_size=2)},
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = echo(tmp_path_factory.mktemp("echo"))
    with serving(directory, "--max-body-bytes", "100000") as found:
        yield found
        # It lived through all that, and tells nobody's rubbish to Prometheus.
        assert found.process.poll() is None
        assert len(found.samples()) < 250
        assert found.stop() == 0


def post(server: Server, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
    connection.request("POST", "/v2/models/m/infer", body, headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    assert answer.status < 500, content
    assert ("error" in content) == (answer.status != 200)
    return answer.status


@BOUNDED
@given(request=requests, tail=st.binary(max_size=64), cut=st.none() | st.integers(0, 400))
def test_json_and_binary(server: Server, request: Any, tail: bytes, cut: int | None) -> None:
    head = json.dumps(request).encode()
    headers = {} if cut is None else {"Inference-Header-Content-Length": str(cut)}
    post(server, head + (tail if cut is not None else b""), headers)
    post(server, head + tail, {"Inference-Header-Content-Length": str(len(head))})


@BOUNDED
@given(body=st.binary(max_size=200), encoding=st.sampled_from(["gzip", "deflate", "identity", "x"]))
def test_rubbish(server: Server, body: bytes, encoding: str) -> None:
    assert post(server, body, {"Content-Encoding": encoding}) in (400, 415)


def call(server: Server, message: bytes) -> grpc.StatusCode:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        try:
            infer(message, timeout=20)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


@tried(60)
@given(message=st.binary(max_size=200))
def test_rubbish_over_grpc(server: Server, message: bytes) -> None:
    assert call(server, message) in ALLOWED


@st.composite
def messages(draw: Any) -> bytes:
    request = pb.ModelInferRequest(model_name=draw(st.sampled_from(["m", "m", "m", "z"])))
    for _ in range(draw(st.integers(0, 3))):
        shape = [d for d in draw(shapes) if abs(d) < 2**63]
        tensor = request.inputs.add(name=draw(names), datatype=draw(datatypes), shape=shape)
        contents = tensor.contents
        for field, values in (
            (contents.int_contents, st.integers(-(2**31), 2**31 - 1)),
            (contents.uint64_contents, st.integers(0, 2**64 - 1)),
            (contents.fp32_contents, st.floats(width=32)),
            (contents.bytes_contents, st.binary(max_size=6)),
        ):
            if draw(st.integers(0, 3)) == 0:
                field.extend(draw(st.lists(values, max_size=5)))
    request.raw_input_contents.extend(draw(st.lists(st.binary(max_size=40), max_size=3)))
    for name in draw(st.lists(st.sampled_from(["y_FP32", "y_BYTES", "z"]), max_size=3)):
        request.outputs.add(name=name)
    return bytes(request.SerializeToString())


@tried(100)
@given(message=messages())
def test_messages_over_grpc(server: Server, message: bytes) -> None:
    assert call(server, message) in ALLOWED
