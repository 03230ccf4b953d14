"""Triton's own clients, unchanged, over HTTP (JSON and binary) and gRPC."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from numpy.typing import NDArray
from onnx_models import DATATYPES, echo
from servers import Server, serving
from tritonclient.utils import InferenceServerException

VALUES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    "UINT8": [0, 255],
    "UINT16": [0, 65_535],
    "UINT32": [0, 2**32 - 1],
    "UINT64": [0, 2**64 - 1],
    "INT8": [-128, 127],
    "INT16": [-32_768, 32_767],
    "INT32": [-(2**31), 2**31 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "FP16": [-0.5, 65_504.0],
    "FP32": [-0.1, 3.4e38],
    "FP64": [-0.1, 1.7e308],
    "BYTES": ["", "zwölf"],
}


def values(datatype: str) -> NDArray[Any]:
    return np.array([VALUES[datatype], VALUES[datatype][::-1]], dtype=DATATYPES[datatype][1])


def read(result: Any, name: str) -> list[Any]:
    found = result.as_numpy(name)
    if found.dtype == object:
        return [[v.decode() if isinstance(v, bytes) else v for v in row] for row in found]
    return list(found.tolist())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(echo(tmp_path_factory.mktemp("echo"))) as found:
        yield found


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[over_http.InferenceServerClient]:
    with over_http.InferenceServerClient(f"127.0.0.1:{server.http}") as client:
        yield client


@pytest.fixture(scope="module")
def rpc(server: Server) -> Iterator[over_grpc.InferenceServerClient]:
    with over_grpc.InferenceServerClient(f"127.0.0.1:{server.grpc}") as client:
        yield client


def inputs(module: Any, **how: Any) -> list[Any]:
    made = []
    for datatype in DATATYPES:
        tensor = module.InferInput(f"x_{datatype}", [2, 2], datatype)
        # The client itself refuses to write FP16 as JSON.
        chosen = {} if datatype == "FP16" else how
        tensor.set_data_from_numpy(values(datatype), **chosen)
        made.append(tensor)
    return made


def test_both_say_that_they_live_and_what_they_serve(
    http: over_http.InferenceServerClient, rpc: over_grpc.InferenceServerClient
) -> None:
    for client in (http, rpc):
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("m") and client.is_model_ready("m", "1")
    about = http.get_server_metadata()
    assert about["name"] == "perennial" and "binary_tensor_data" in about["extensions"]
    assert rpc.get_server_metadata().name == "perennial"
    model, same = http.get_model_metadata("m"), rpc.get_model_metadata("m", as_json=True)
    assert [t["name"] for t in model["inputs"]] == [f"x_{d}" for d in DATATYPES]
    assert [(t["name"], t["datatype"]) for t in model["outputs"]] == [
        (t["name"], t["datatype"]) for t in same["outputs"]
    ]


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
@pytest.mark.parametrize("compressed", [None, "gzip", "deflate"])
def test_every_datatype_comes_back_over_http(
    http: over_http.InferenceServerClient, binary: bool, compressed: str | None
) -> None:
    outputs = [
        over_http.InferRequestedOutput(f"y_{d}", binary_data=binary or d == "FP16")
        for d in DATATYPES
    ]
    result = http.infer(
        "m",
        inputs(over_http, binary_data=binary),
        outputs=outputs,
        request_id="one",
        request_compression_algorithm=compressed,
        response_compression_algorithm="gzip" if compressed else None,
    )
    assert result.get_response()["id"] == "one"
    assert result.get_response()["model_version"] == "1"
    for datatype in DATATYPES:
        assert read(result, f"y_{datatype}") == values(datatype).tolist()


def test_every_datatype_comes_back_over_grpc(rpc: over_grpc.InferenceServerClient) -> None:
    result = rpc.infer("m", inputs(over_grpc), request_id="one", model_version="1")
    assert result.get_response().id == "one"
    for datatype in DATATYPES:
        assert read(result, f"y_{datatype}") == values(datatype).tolist()


def test_only_the_outputs_that_were_asked_for_come(
    http: over_http.InferenceServerClient, rpc: over_grpc.InferenceServerClient
) -> None:
    for client, module in ((http, over_http), (rpc, over_grpc)):
        asked = [module.InferRequestedOutput("y_INT8")]
        result = client.infer("m", inputs(module), outputs=asked)
        assert result.as_numpy("y_INT8") is not None and result.as_numpy("y_FP32") is None


def test_json_in_and_binary_out(http: over_http.InferenceServerClient) -> None:
    asked = [over_http.InferRequestedOutput("y_FP32", binary_data=True)]
    result = http.infer("m", inputs(over_http, binary_data=False), outputs=asked)
    assert read(result, "y_FP32") == values("FP32").tolist()


def test_a_wrong_request_is_told_what_is_wrong(
    http: over_http.InferenceServerClient, rpc: over_grpc.InferenceServerClient
) -> None:
    for client, module in ((http, over_http), (rpc, over_grpc)):
        wrong = inputs(module)
        wrong[1] = module.InferInput("x_UINT8", [2, 2], "INT16")
        wrong[1].set_data_from_numpy(values("INT16"))
        with pytest.raises(InferenceServerException, match=r"x_UINT8.*expected datatype UINT8"):
            client.infer("m", wrong)
        with pytest.raises(InferenceServerException, match="not served"):
            client.infer("another", inputs(module))
        with pytest.raises(InferenceServerException, match=r"y_NO.* is unknown"):
            client.infer("m", inputs(module), outputs=[module.InferRequestedOutput("y_NO")])


def test_ten_thousand_compressed_bytes_come_back_compressed(
    server: Server, http: over_http.InferenceServerClient
) -> None:
    many = []
    for datatype in DATATYPES:
        tensor = over_http.InferInput(f"x_{datatype}", [2_000, 2], datatype)
        tensor.set_data_from_numpy(np.tile(values(datatype), (1_000, 1)))
        many.append(tensor)
    result = http.infer("m", many, response_compression_algorithm="gzip")
    assert result.as_numpy("y_FP64").shape == (2_000, 2)
