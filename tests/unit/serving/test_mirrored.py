"""Copies of requests: measured and kept as any other, and nothing else comes of them."""

import http.client
import json
import os
import select
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest
from onnx_models import doubling
from servers import Server, closed_window, serving
from test_request_log import logging, wait
from tritonclient.grpc import service_pb2 as pb

from perennial_serving.system import resources

BODY = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [2.0]}]}


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        return a.getsockname()[1], b.getsockname()[1]


def send(port: int, path: str, body: Any, name: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", f"/v2/models/m/{path}", json.dumps(body), {"x-request-id": name})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def call(port: int, name: str) -> Any:
    message = pb.ModelInferRequest(model_name="m")
    message.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    message.inputs[0].contents.fp32_contents.append(3.0)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelInferResponse.FromString,
        )
        return infer(message, timeout=20, metadata=[("x-request-id", name)])


def logged(server: Server) -> float:
    samples = server.samples().items()
    return sum(v for name, v in samples if name.startswith("perennial_serving_log_records_total"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_copy_is_measured_and_compared_and_nothing_else(tmp_path: Path, workers: str) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "key").write_bytes(os.urandom(32))
    keys, (http_port, grpc_port) = str(tmp_path / "keys"), free_ports()
    options = ("--receipts", keys, "--pairs", keys, *logging(tmp_path / "spool"))
    copies = ("--mirror-http-port", str(http_port), "--mirror-grpc-port", str(grpc_port))
    directory = doubling(tmp_path / "model")
    with serving(directory, *options, *copies, "--workers", workers) as server:
        status, own = send(server.http, "infer", BODY, "a")
        assert status == 200 and "receipt" in own["parameters"] and own["id"]
        status, copy = send(http_port, "infer", BODY, "b")
        assert status == 200 and "parameters" not in copy and "id" not in copy
        assert copy["outputs"] == own["outputs"]
        assert "receipt" in call(server.grpc, "c").parameters
        assert "receipt" not in call(grpc_port, "d").parameters
        told = {"receipt": own["parameters"]["receipt"], "label": 4}
        status, answer = send(http_port, "feedback", told, "e")
        assert status == 404 and "this is a copy" in answer["error"]
        assert send(server.http, "feedback", told, "e")[1]["counted"] == 1
        window = closed_window(server, "requests,outcomes,pairs")
        wait(lambda: logged(server) == 2)  # users' requests alone
    assert window.requests is not None and window.pairs is not None and window.outcomes
    assert sum(bucket.answered for bucket in window.requests.buckets) == 4
    assert sorted(a.answer or 0.0 for a in window.pairs.answers) == [4.0, 4.0, 6.0, 6.0]
    (found,) = window.outcomes
    assert sum(found.given.values()) == 4  # what was predicted counts, and nothing was sealed


def test_copies_have_few_connections_and_files_are_left_for_all_ports(tmp_path: Path) -> None:
    """A pod has four ports then, and neither memory nor files for twice as many connections."""
    assert 4 * resources.connections(10_000, 1024, 4) + 128 <= 1024
    http_port, grpc_port = free_ports()
    copies = ("--mirror-http-port", str(http_port), "--mirror-grpc-port", str(grpc_port))
    with serving(doubling(tmp_path), *copies, "--max-in-flight", "2", "--workers", "1") as server:
        for port, ended in ((server.http, False), (http_port, True)):
            opened = []
            for _ in range(3):
                opened.append(http.client.HTTPConnection("127.0.0.1", port, timeout=20))
                opened[-1].request("GET", "/v2")
                opened[-1].getresponse().read()
            # The longest idle one goes; the loop's clock may not tell the first two apart.
            selected, _, _ = select.select(
                [c.sock for c in opened[:2]], [], [], 5 if ended else 0.2
            )
            assert [s.recv(1) for s in selected] == ([b""] if ended else [])
            for connection in opened:
                connection.close()


def test_without_their_ports_none_are_taken(tmp_path: Path) -> None:
    port, _ = free_ports()
    half = ("--mirror-http-port", str(port))  # both, or none
    with serving(doubling(tmp_path), *half), pytest.raises(ConnectionRefusedError):
        send(port, "infer", BODY, "a")
