"""What is small and becomes large: refused before it does, and off the event loop."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from onnx_models import doubling
from servers import Server, serving
from test_memory import post, resident
from tritonclient.grpc import service_pb2 as pb

from perennial_serving.protocol import wire
from perennial_serving.system.errors import RequestError

INFER = "/inference.GRPCInferenceService/ModelInfer"
TENSOR = {"name": "x", "datatype": "FP32"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = doubling(tmp_path_factory.mktemp("doubling"))
    with serving(directory, "--memory-bytes", str(1 << 30)) as found:
        yield found
        assert found.process.poll() is None


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Server]:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "key").write_bytes(os.urandom(32))
    options = ("--memory-bytes", str(1 << 30), "--receipts", str(keys))
    with serving(doubling(tmp_path / "model"), *options) as found:
        yield found
        assert found.process.poll() is None


def peak(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def listing(content: bytes, count: int) -> bytes:
    head = json.dumps({"inputs": [{**TENSOR, "shape": [count, 1]}]}).encode()
    return head[:-3] + b', "data": ' + content + b"}]}"


LISTS = listing(b"[" + b"[]," * 5_000_000 + b"[]]", 1)
OBJECTS = b'{"inputs": [' + b'{"name":"","shape":[],"datatype":""},' * 400_000 + b"]}"


@pytest.mark.parametrize("body", [LISTS, OBJECTS], ids=["lists", "objects"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_body_becomes_no_more_than_it_may(server: Server, body: bytes, packed: bool) -> None:
    before = resident(server)
    headers = {"Content-Encoding": "gzip"} if packed else {}
    for _ in range(3):
        status, _ = post(server, gzip.compress(body, 1) if packed else body, headers)
        assert status in (400, 413)
    assert peak(server) - before < 250 << 20


@pytest.mark.parametrize("part", [b"\x2a\x00", b"\x22\x00", b"\x32\x00", b"\x3a\x00"])
def test_a_message_of_tiny_parts_is_refused(server: Server, part: bytes) -> None:
    before = resident(server)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            with pytest.raises(grpc.RpcError) as caught:
                message = part * 4_000_000
                channel.unary_unary(INFER)(message, compression=compression, timeout=60)
            assert caught.value.code() in (
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            )
    assert peak(server) - before < 250 << 20


FEEDBACK = "/perennial.FeedbackService/Feedback"
KNOWN = b"\x12\xff\xff\x7f" + b"\x22\x00" * ((1 << 21) // 2)
"""An item of a million rows of which nothing is known."""


@pytest.mark.parametrize(
    "message", [b"\x12\x00" * 8_000_000, KNOWN[:4] + KNOWN[4:][: (1 << 21) - 1]]
)
def test_feedback_of_tiny_parts_is_refused(counting: Server, message: bytes) -> None:
    before = resident(counting)
    with grpc.insecure_channel(f"127.0.0.1:{counting.grpc}") as channel:
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(FEEDBACK)(message, compression=compression, timeout=60)
            assert caught.value.code() in (
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            )
    assert peak(counting) - before < 100 << 20


def rows(rewards: bytes) -> bytes:
    return b'[{"receipt": "r", "reward": [' + rewards + b"0]}]"


@pytest.mark.parametrize(
    "body", [b"[" + b"{}," * 5_000_000 + b"{}]", rows(b"0," * 7_000_000)], ids=["items", "rewards"]
)
def test_feedback_of_many_rows_is_refused_before_it_is_read(counting: Server, body: bytes) -> None:
    before = resident(counting)
    for _ in range(2):
        status, told = post(counting, body, {}, "/v2/models/m/feedback")
        assert status == 400 and b"at most 10000 rows" in told
    assert peak(counting) - before < 100 << 20


def test_an_unknown_method_is_not_inflated(server: Server) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        for method, code in (
            ("/a/B", grpc.StatusCode.UNIMPLEMENTED),
            ("/inference.GRPCInferenceService/ServerLive", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                compression = grpc.Compression.Gzip
                channel.unary_unary(method)(bytes(900_000), compression=compression, timeout=60)
            assert caught.value.code() == code


def test_honest_messages_pass_the_look(server: Server) -> None:
    request = pb.ModelInferRequest(model_name="m", id="a" * 5000)
    for n in range(512):
        tensor = request.inputs.add(name=f"x{n}", datatype="FP32", shape=[1000, 1])
        tensor.contents.fp32_contents.extend([1.0] * 100)
        tensor.parameters["a"].int64_param = 3
    wire.lifted(request.SerializeToString())
    request.inputs[0].shape.extend([1] * 200)
    with pytest.raises(RequestError, match="dimensions"):
        wire.lifted(request.SerializeToString())
    for rubbish in (b"\xff" * 5000, b"\x2a\xff\xff\x7f" * 2000):
        with pytest.raises(RequestError, match="no ModelInferRequest"):
            wire.lifted(rubbish)
