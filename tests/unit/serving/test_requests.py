"""What a client is told when its request is wrong, over plain HTTP."""

import gzip
import http.client
import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from onnx_models import doubling
from servers import Server, serving

INFER = "/v2/models/m/infer"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = doubling(tmp_path_factory.mktemp("doubling"))
    with serving(directory, "--max-body-bytes", "20000") as found:
        yield found


def ask(
    server: Server, body: bytes, path: str = INFER, method: str = "POST", **headers: str
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content)


def tensor(**changes: Any) -> bytes:
    one = {"name": "x", "shape": [2, 1], "datatype": "FP32", "data": [1.5, 2.5], **changes}
    return json.dumps({"inputs": [{k: v for k, v in one.items() if v is not None}]}).encode()


def test_a_right_request_is_answered(server: Server) -> None:
    for path in (INFER, "/v2/models/m/versions/1/infer"):
        status, answer = ask(server, tensor(), path)
        assert status == 200
        assert answer["outputs"][0] == {
            "name": "y",
            "datatype": "FP32",
            "shape": [2, 1],
            "data": [3.0, 5.0],
        }


def test_missing_values_are_null(server: Server) -> None:
    _, answer = ask(server, tensor(data=[None, 2.5]))
    assert answer["outputs"][0]["data"] == [None, 5.0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not an inference request"),
        (b"[]", "not an inference request"),
        (b'{"inputs": []}', "input x is missing"),
        (b'{"inputs": [{"name": "x"}]}', "shape"),
        (tensor(name="z"), "input 'z' is unknown: expected x"),
        (tensor(datatype="FP64"), "input 'x': expected datatype FP32, got 'FP64'"),
        (tensor(shape=[2]), "expected shape [-1, 1], got 1 dimensions"),
        (tensor(shape=[2, 2]), "expected shape [-1, 1]"),
        (tensor(shape=[-1, 1]), "expected shape [-1, 1] with no dimension of 0"),
        (tensor(shape=[0, 1], data=[]), "no dimension of 0"),
        (tensor(shape=[3, 1]), "expected 3 values for shape [3, 1], got 2"),
        (tensor(data=[[1.0], [2.0, 3.0]]), "ragged"),
        (tensor(data=["a", "b"]), "expected numbers or null in data of FP32, got a string"),
        (tensor(data=[1e39, 1]), "does not fit into FP32"),
        (tensor(data=None), "expected data, or binary_data_size"),
        (tensor().replace(b"1.5", b"NaN"), "not an inference request"),
        (tensor().replace(b"1.5", b"Infinity"), "not an inference request"),
        (tensor(parameters={"binary_data_size": 8}), "either data or binary_data_size"),
        (tensor(data=None, parameters={"binary_data_size": 8}), "8 bytes, as its binary"),
        (tensor(data=None, parameters={"binary_data_size": -1}), "-1 bytes"),
    ],
)
def test_a_wrong_tensor_is_told_what_was_expected(server: Server, body: bytes, words: str) -> None:
    status, answer = ask(server, body)
    assert status == 400 and words in answer["error"], answer


LONG = 500
PADDING = [0.25] * (LONG - 4)


@pytest.mark.parametrize(
    "last",
    [
        [1, 2.5, -3e-5, 1e300 / 1e300],
        [0, -7, 2**63, 2**64 - 1],
        [2**70, 1, 2, 3],  # beyond what the parser of long lists knows
        [None, 1.5, 2, None],
        [16777217, 0.1, 3.4e38, 1e-50],
    ],
)
def test_numbers_of_a_long_list_are_those_of_short_ones(server: Server, last: list[Any]) -> None:
    _, short = ask(server, tensor(shape=[4, 1], data=last))
    _, long = ask(server, tensor(shape=[LONG, 1], data=[*PADDING, *last]))
    assert long["outputs"][0]["data"][-4:] == short["outputs"][0]["data"]
    assert long["outputs"][0]["data"][:-4] == [0.5] * len(PADDING)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([*PADDING, 1, 2, 3], f"expected {LONG} values"),
        ([*PADDING, 1, 2, 3, 1e39], "does not fit into FP32"),
        ([*PADDING, 1, 2, 3, "4"], "expected numbers or null in data of FP32, got a string"),
        ([*PADDING, 1, 2, 3, True], "expected numbers or null in data of FP32, got a boolean"),
        ([*PADDING, 1, 2, [3, 4]], f"expected {LONG} values"),
        ([[v] for v in [*PADDING, 1, 2, 3]] + [[]], "ragged"),
        ({"0": 1}, "a list of values in data"),
    ],
)
def test_a_long_list_is_told_what_was_expected(server: Server, data: Any, words: str) -> None:
    status, answer = ask(server, tensor(shape=[LONG, 1], data=data))
    assert status == 400 and words in answer["error"], answer


def binary(size: int, blob: bytes) -> tuple[bytes, str]:
    head = tensor(data=None, parameters={"binary_data_size": size})
    return head + blob, str(len(head))


@pytest.mark.parametrize(
    ("size", "blob", "words"),
    [
        (8, struct.pack("<f", 1.0), "expected 8 bytes, as its binary_data_size says, got 4"),
        (4, struct.pack("<f", 1.0), "expected 8 bytes for shape [2, 1] of FP32, got 4"),
        (8, struct.pack("<fff", 1, 2, 3), "4 bytes follow the last tensor's"),
    ],
)
def test_wrong_binary_data_is_told(server: Server, size: int, blob: bytes, words: str) -> None:
    body, length = binary(size, blob)
    status, answer = ask(server, body, Inference_Header_Content_Length=length)
    assert status == 400 and words in answer["error"], answer


@pytest.mark.parametrize("length", ["0", "-1", "many", "999999", "9" * 40])
def test_a_wrong_header_length_is_told(server: Server, length: str) -> None:
    status, answer = ask(server, tensor(), Inference_Header_Content_Length=length)
    assert status == 400 and "Inference-Header-Content-Length" in answer["error"]


def test_a_body_beyond_the_limit_is_refused_also_when_it_was_compressed(server: Server) -> None:
    large = tensor(shape=[5000, 1], data=[1.5] * 5000)
    status, answer = ask(server, large)
    assert status == 413 and "20000 bytes" in answer["error"]
    packed = gzip.compress(large)
    assert len(packed) < 20000
    assert ask(server, packed, Content_Encoding="gzip")[0] == 413


def test_wrong_compression_is_told(server: Server) -> None:
    packed = gzip.compress(tensor())
    assert ask(server, packed, Content_Encoding="gzip")[0] == 200
    for body, encoding, status in (
        (packed[:-9], "gzip", 400),
        (b"rubbish", "gzip", 400),
        (packed, "br", 415),
    ):
        assert ask(server, body, Content_Encoding=encoding)[0] == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", INFER, 405),
        ("POST", "/v2", 405),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/m/versions/2", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("GET", "/", 404),
    ],
)
def test_a_wrong_path_or_method_is_told(
    server: Server, method: str, path: str, status: int
) -> None:
    found, answer = ask(server, tensor() if method == "POST" else b"", path, method)
    assert found == status and answer["error"]


def test_a_model_that_fails_is_a_500_that_says_so(server: Server) -> None:
    status, answer = ask(server, tensor(data=[1.0, 13.0]))
    assert status == 500 and "the model failed" in answer["error"]
    labels = '{code="500",model="m",protocol="rest",version="1"}'
    assert server.samples()[f"perennial_serving_requests_total{labels}"] >= 1
