"""What is over is let go: resident memory stays flat over connections, refusals and shapes."""

import gzip
import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from onnx_models import doubling
from servers import Server, serving
from tritonclient.grpc import service_pb2 as pb

INFER = "/v2/models/m/infer"
ROWS = 1_000_000
BODY_BYTES = 4 * ROWS
# `make soak` does many times as much; what may stay is the same.
SOAK = 10 if "PERENNIAL_SOAK" in os.environ else 1
TIMES = 40 * SOAK
# Of what so many bodies have, what may stay: threads' arenas, parsers and so on.
STAYS = 12 * BODY_BYTES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(doubling(tmp_path_factory.mktemp("doubling"))) as found:
        yield found


def resident(server: Server) -> int:
    """Return the server's resident memory in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def binary(rows: int, size: int) -> tuple[bytes, dict[str, str]]:
    """Return a body that says it has so many rows, with bytes for ``size`` of them."""
    one = {"name": "x", "shape": [rows, 1], "datatype": "FP32"}
    head = json.dumps(
        {
            "inputs": [{**one, "parameters": {"binary_data_size": 4 * size}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    return head + bytes(4 * size), headers


def post(
    server: Server, body: bytes, headers: dict[str, str], path: str = INFER
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=60)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def right(server: Server) -> None:
    body, headers = binary(ROWS, ROWS)
    status, answer = post(server, body, headers)
    assert status == 200 and len(answer) > BODY_BYTES


def wrong(server: Server) -> None:
    body, headers = binary(ROWS + 1, ROWS)
    status, answer = post(server, body, headers)
    assert status == 400 and b"bytes for shape" in answer


def wrong_json(server: Server) -> None:
    one = {"name": "x", "shape": [ROWS, 1], "datatype": "FP32"}
    body = json.dumps({"inputs": [one]}).encode()[:-3] + b', "data": [' + b"1.5," * ROWS + b"x]}]}"
    assert post(server, body, {})[0] == 400


def wrong_gzip(server: Server) -> None:
    body, headers = binary(ROWS + 1, ROWS)
    head, content = body[: -4 * ROWS], np.arange(ROWS, dtype=np.float32).tobytes()
    packed = gzip.compress(head + content, 1)
    assert post(server, packed, {**headers, "Content-Encoding": "gzip"})[0] == 400


def wrong_grpc(server: Server) -> None:
    request = pb.ModelInferRequest(model_name="m", raw_input_contents=[bytes(4 * ROWS)])
    request.inputs.add(name="x", datatype="FP32", shape=[ROWS + 1, 1])
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            infer(request.SerializeToString(), timeout=60)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def half(server: Server) -> None:
    """Go away in the middle of a body."""
    body, _ = binary(ROWS, ROWS)
    with socket.create_connection(("127.0.0.1", server.http), timeout=60) as client:
        head = f"POST {INFER} HTTP/1.1\r\nHost: m\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body[: BODY_BYTES // 2])


@pytest.mark.parametrize("ask", [right, wrong, wrong_json, wrong_gzip, wrong_grpc, half])
def test_memory_is_flat_over_connections_and_refusals(server: Server, ask: Any) -> None:
    for _ in range(3):
        ask(server)
    before = resident(server)
    for _ in range(TIMES):
        ask(server)
    assert resident(server) - before < STAYS


def test_a_kept_connection_keeps_no_body(server: Server) -> None:
    body, headers = binary(ROWS, ROWS)
    right(server)
    before = resident(server)
    kept = [http.client.HTTPConnection("127.0.0.1", server.http, timeout=60) for _ in range(40)]
    for connection in kept:
        connection.request("POST", INFER, body, headers)
        assert len(connection.getresponse().read()) > BODY_BYTES
    assert resident(server) - before < STAYS
    for connection in kept:
        connection.close()


def test_memory_is_flat_over_thousands_of_connections(server: Server) -> None:
    body, headers = binary(1, 1)

    def connect(times: int) -> int:
        for _ in range(times):
            assert post(server, body, headers)[0] == 200
        return resident(server)

    before = connect(300)
    assert connect(1000 * SOAK) - before < 4 << 20


def test_memory_is_flat_over_a_mix_of_shapes(server: Server) -> None:
    """As many shapes as a day brings: nothing may be kept for each."""
    sizes = np.random.default_rng(0).integers(1, 60_000, 300 + 600 * SOAK)

    def each(chosen: Any) -> int:
        for size in chosen:
            body, headers = binary(int(size), int(size))
            assert post(server, body, headers)[0] == 200
        return resident(server)

    before = each(sizes[:300])
    assert each(sizes[300:]) - before < 8 << 20
