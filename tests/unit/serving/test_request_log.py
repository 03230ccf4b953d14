"""Requests and feedback reach the store as Parquet: what is allowed, each once, whatever dies."""

import contextlib
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from onnx_models import boosted, doubling, echo
from servers import Server, environment, serving
from tritonclient.grpc import service_pb2 as pb

PRIVATE = "mean smoothness"
ALLOWED = ["mean radius", "mean texture", "no such feature"]


def post(server: Server, path: str, body: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
    connection.request("POST", f"/v2/models/m/{path}", json.dumps(body))
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content, dict(answer.headers)


def infer(server: Server, values: Any, name: str, **more: Any) -> dict[str, Any]:
    matrix = np.asarray(values, np.float32)
    tensor = {"name": name, "shape": list(matrix.shape), "datatype": "FP32"}
    body = {"inputs": [{**tensor, "data": matrix.ravel().tolist()}], **more}
    status, answer, _ = post(server, "infer", body)
    assert status == 200, answer
    return answer


def logging(spool: Path, *options: str) -> tuple[str, ...]:
    features = ("--log-features", json.dumps(ALLOWED))
    return ("--log-dir", str(spool), *features, *options)


def ship_command(spool: Path, store: Path) -> tuple[list[str], dict[str, str]]:
    variables = {
        "PERENNIAL_LOG_DIR": str(spool),
        "PERENNIAL_LOG_URI": f"file://{store}",
        "PERENNIAL_LOG_SHIP_SECONDS": "0.1",
    }
    command = [sys.executable, "-m", "perennial_serving.ship"]
    return command, {**environment(), **variables}


@contextlib.contextmanager
def shipping(spool: Path, store: Path) -> Iterator[None]:
    """Run the sidecar; end it as a pod does, after the server."""
    command, variables = ship_command(spool, store)
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and "shipping" in process.stdout.readline()
        yield
        process.terminate()
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def shipped(store: Path, kind: str) -> pd.DataFrame:
    files = sorted((store / kind).rglob("*.parquet"))
    return pd.concat([pd.read_parquet(f) for f in files]) if files else pd.DataFrame()


def wait(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def counted(server: Server, kind: str, result: str) -> float:
    name = "perennial_serving_log_records_total"
    return server.samples()[f'{name}{{kind="{kind}",result="{result}"}}']


def test_allowed_features_and_answers_are_joined_with_their_labels(tmp_path: Path) -> None:
    directory, rows = boosted(tmp_path / "model")
    spool, store = tmp_path / "spool", tmp_path / "store"
    with serving(directory, *logging(spool)) as server:
        first = infer(server, rows[:3], "input", id="mine")
        second = infer(server, rows[3:4], "input")
        assert first["id"] == "mine" and second["id"]
        feedback = [{"id": "mine", "row": 1, "label": 1}, {"id": second["id"], "reward": 0.25}]
        assert post(server, "feedback", feedback)[:2] == (200, {"accepted": 2})
        assert post(server, "versions/1/feedback", feedback[0])[0] == 200
        with shipping(spool, store):
            wait(lambda: len(shipped(store, "feedback")) == 3)  # while the server runs
            assert server.stop() == 0
    found = shipped(store, "requests").set_index(["id", "row"])
    assert list(found.index) == [("mine", 0), ("mine", 1), ("mine", 2), (second["id"], 0)]
    names = {"time", "model", "version", "trace_id", "input.mean radius", "input.mean texture"}
    assert set(found.columns) == names | {"output.label", "output.probabilities"}
    np.testing.assert_array_equal(found["input.mean radius"], rows["mean radius"][:4])
    answers = np.array([*first["outputs"][1]["data"], *second["outputs"][1]["data"]])
    np.testing.assert_allclose(
        np.stack(found["output.probabilities"]), answers.reshape(4, 2), rtol=1e-6
    )
    assert set(found["model"]) == {"m"} and set(found["version"]) == {"1"}
    assert (pd.Timestamp.now("UTC") - found["time"]).max() < pd.Timedelta("5min")
    told = shipped(store, "feedback")
    assert sorted(told["id"]) == sorted(["mine", "mine", second["id"]])
    joined = found.join(told.drop_duplicates(["id", "row"]).set_index(["id", "row"])["label"])
    assert joined["label"].to_dict()[("mine", 1)] == "1"
    everything = b"".join(f.read_bytes() for f in store.rglob("*") if f.is_file())
    assert everything and PRIVATE.encode() not in everything
    assert not [f for f in spool.rglob("*") if f.is_file()]


def test_what_a_killed_server_had_taken_on_is_not_lost(tmp_path: Path) -> None:
    directory, spool = doubling(tmp_path / "model"), tmp_path / "spool"
    with serving(directory, *logging(spool)) as server:
        for n in range(5):
            assert post(server, "feedback", {"id": str(n), "label": "cat"})[0] == 200
        server.process.kill()
        server.process.wait()
    (part,) = spool.glob("*.part")
    with part.open("ab") as file:
        file.write(b"\xff\0\0\0half a frame")
    with serving(directory, *logging(spool)) as server:
        assert post(server, "feedback", {"id": "5", "label": "cat"})[0] == 200
        with shipping(spool, tmp_path / "store"):
            assert server.stop() == 0
    assert sorted(shipped(tmp_path / "store", "feedback")["id"]) == list("012345")


def test_a_store_that_refuses_gets_each_record_once_when_it_is_back(tmp_path: Path) -> None:
    directory, spool, store = doubling(tmp_path / "model"), tmp_path / "spool", tmp_path / "store"
    store.mkdir()
    (store / "feedback").touch()  # where a directory should be
    with serving(directory, *logging(spool)) as server:
        for n in range(4):
            infer(server, [[float(n)]], "x", id=str(n))
            assert post(server, "feedback", {"id": str(n), "reward": n})[0] == 200
        assert server.stop() == 0
    command, variables = ship_command(spool, store)
    process = subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "cannot be written" in process.stderr.readline()
    process.kill()
    process.communicate()
    (store / "feedback").unlink()
    with shipping(spool, store):
        pass
    assert sorted(shipped(store, "requests")["id"]) == list("0123")
    assert sorted(shipped(store, "feedback")["reward"]) == [0.0, 1.0, 2.0, 3.0]


def test_a_full_spool_refuses_feedback_and_drops_requests_but_answers_them(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with serving(doubling(tmp_path / "model"), *logging(spool, "--log-max-bytes", "10")) as server:
        assert infer(server, [[1.0]], "x")["outputs"][0]["data"] == [2.0]
        wait(lambda: counted(server, "request", "dropped") == 1)
        items = [{"id": str(n), "label": True} for n in range(20)]
        status, answer, headers = post(server, "feedback", items)
        assert status == 503 and "spool" in answer["error"]
        assert headers["retry-after"] == "1"
        assert counted(server, "feedback", "dropped") == 20
        assert counted(server, "feedback", "spooled") == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"label": 1}, "id"),
        ({"id": "a"}, "label or reward"),
        ({"id": "", "label": 1}, "at most 256 characters"),
        ({"id": "a", "label": {}}, "label"),
        ({"label": 1}, "expected id or receipt, got neither"),
        ({"id": "a", "receipt": "r.x", "label": 1}, "row after a dot"),
        ({"id": "a", "receipt": "r.1", "row": 1, "label": 1}, "row after a dot"),
        ({"id": "a", "receipt": "r", "label": 1}, "receipts are not taken"),
        ({"id": "a", "label": [1, 0], "reward": [1]}, "lists of as many rows"),
        ({"id": "a", "label": [0] * 10_001}, "at most 10000 rows"),
        ({"id": "a", "label": 1, "row": -1}, "row"),
        ({"id": "a", "label": 1, "rows": 1}, "rows"),
        ([{"id": "a", "label": 1}] * 10_001, "at most 10000 rows"),
    ],
)
def test_wrong_feedback_is_told_what_was_expected(log: Server, body: Any, words: str) -> None:
    status, answer, _ = post(log, "feedback", body)
    assert status == (404 if "not taken" in words else 400) and words in answer["error"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("log")
    with serving(doubling(place / "model"), *logging(place / "spool")) as server:
        yield server


def test_feedback_without_a_log_says_how_to_switch_it_on(tmp_path: Path) -> None:
    with serving(doubling(tmp_path)) as server:
        status, answer, _ = post(server, "feedback", {"id": "a", "label": 1})
        assert status == 404 and "spec.serving.requestLog" in answer["error"]
        assert "id" not in infer(server, [[1.0]], "x")


def test_a_fraction_is_sampled(tmp_path: Path) -> None:
    spool, store = tmp_path / "spool", tmp_path / "store"
    with serving(doubling(tmp_path / "model"), *logging(spool, "--log-sample", "0.5")) as server:
        for _ in range(300):
            infer(server, [[1.0]], "x")
        with shipping(spool, store):
            assert server.stop() == 0
    # Ten standard deviations of the binomial to each side.
    assert 63 < len(shipped(store, "requests")) < 237


def test_every_datatype_over_grpc_from_several_workers(tmp_path: Path) -> None:
    directory, spool = echo(tmp_path / "model"), tmp_path / "spool"
    request = pb.ModelInferRequest(model_name="m", id="all")
    raw = {"FP32": np.array([[1.5, 2.5]], np.float32), "INT8": np.array([[-1, 7]], np.int8)}
    for name in ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"):
        raw.setdefault(name, np.ones((1, 2), name.lower().replace("bool", "bool_")))
    raw |= {"FP16": np.ones((1, 2), np.float16), "FP64": np.ones((1, 2), np.float64)}
    for name, values in raw.items():
        request.inputs.add(name=f"x_{name}", datatype=name, shape=[1, 2])
        request.raw_input_contents.append(values.tobytes())
    request.inputs.add(name="x_BYTES", datatype="BYTES", shape=[1, 2])
    request.raw_input_contents.append(b"\1\0\0\0a\2\0\0\0\xc3\xa9")
    options = ("--log-dir", str(spool), "--log-features", '["x_FP32"]', "--workers", "2")
    with serving(directory, *options) as server:
        for _ in range(8):
            with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
                call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
                call(request.SerializeToString(), timeout=20)
        with shipping(spool, tmp_path / "store"):
            assert server.stop() == 0
    found = shipped(tmp_path / "store", "requests")
    assert list(found["id"]) == ["all"] * 8
    assert [v.tolist() for v in found["input.x_FP32"]] == [[1.5, 2.5]] * 8
    assert [v.tolist() for v in found["output.y_INT8"]] == [[-1, 7]] * 8
    assert [v.tolist() for v in found["output.y_BOOL"]] == [[True, True]] * 8
    assert [c for c in found.columns if c.startswith("input.")] == ["input.x_FP32"]
