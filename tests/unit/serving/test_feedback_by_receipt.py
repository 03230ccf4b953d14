"""Feedback that quotes a receipt: counted by any pod, of any version, after any restart."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from onnx_models import boosted, doubling
from servers import Server, closed_window, serving
from test_request_log import infer, logging, post
from tritonclient import http as over_http
from tritonclient.grpc import service_pb2 as pb

from perennial_artifact.outcomes import Known, Outcomes, Rewards
from perennial_artifact.scores import of_probability
from perennial_serving.evidence.receipts.issuer import Issuer
from perennial_serving.evidence.receipts.keys import Keys
from perennial_serving.evidence.receipts.receipt import Head
from perennial_serving.model.loaded import load


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("keys")
    (place / "key").write_bytes(os.urandom(32))
    return place


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[tuple[Server, Any]]:
    directory, rows = boosted(tmp_path_factory.mktemp("boosted"))
    options = ("--receipts", str(keys), "--reward-minimum", "0", "--reward-maximum", "1")
    with serving(directory, *options) as server:
        yield server, rows.to_numpy(np.float32)


def receipt_of(answer: dict[str, Any]) -> str:
    found: str = answer["parameters"]["receipt"]
    return found


def outcomes(server: Server) -> list[Outcomes]:
    found = closed_window(server, "outcomes").outcomes
    assert found is not None
    return found


def own(found: list[Outcomes]) -> Outcomes:
    """Return those of the version that gives receipts here: the only one that gave some."""
    (one,) = [one for one in found if one.given]
    return one


def score(answer: dict[str, Any], row: int) -> int:
    shares = next(o for o in answer["outputs"] if o["name"] == "probabilities")["data"]
    return of_probability(float(np.float32(shares[2 * row + 1])))


def labelled(one: Outcomes) -> dict[str, dict[int, int]]:
    return {label: counts for known in one.known for label, counts in known.labels.items()}


def test_labels_and_rewards_are_counted_by_score_once(pod: tuple[Server, Any]) -> None:
    server, rows = pod
    answer = infer(server, rows[:3], "input")
    receipt = receipt_of(answer)
    items = [
        {"receipt": f"{receipt}.0", "label": 1},
        {"receipt": receipt, "row": 2, "label": 0, "reward": 0.25},
    ]
    expected = {"accepted": 2, "counted": 2, "duplicate": 0, "old": 0}
    assert post(server, "feedback", items)[:2] == (200, expected)
    again = post(server, "versions/1/feedback", items[0])[1]
    assert again == {"accepted": 1, "counted": 0, "duplicate": 1, "old": 0}
    (one,) = outcomes(server)
    assert one.score == "Probability" and sum(one.given.values()) == 3
    known = Known(
        age=60,
        labels={"0": {score(answer, 2): 1}, "1": {score(answer, 0): 1}},
        rewards=Rewards(1, 0.25, 0.0625),
    )
    assert one.known == [known]
    samples = server.samples()
    assert samples['perennial_serving_outcomes_total{result="counted"}'] == 2
    assert samples['perennial_serving_outcomes_total{result="duplicate"}'] == 1


def test_lists_tell_of_rows_that_follow_one_another(pod: tuple[Server, Any]) -> None:
    server, rows = pod
    answer = infer(server, rows[3:8], "input")
    item = {"receipt": receipt_of(answer), "row": 1, "label": [None, "seldom", "seldom"]}
    assert post(server, "feedback", item)[1] == {
        "accepted": 2, "counted": 2, "duplicate": 0, "old": 0,
    }  # fmt: skip
    seldom = labelled(own(outcomes(server)))["seldom"]  # a label of this test alone
    assert sum(seldom.values()) == 2
    assert set(seldom) == {score(answer, 2), score(answer, 3)}


def test_binary_answers_have_receipts_too(pod: tuple[Server, Any]) -> None:
    server, rows = pod
    asked = over_http.InferInput("input", [2, 30], "FP32")
    asked.set_data_from_numpy(rows[:2])
    wanted = [over_http.InferRequestedOutput("label", binary_data=True)]
    with over_http.InferenceServerClient(f"127.0.0.1:{server.http}") as client:
        binary = client.infer("m", [asked], outputs=wanted).get_response()["parameters"]["receipt"]
    told = {"receipt": f"{binary}.1", "reward": 1}
    assert post(server, "feedback", told)[1]["counted"] == 1


@pytest.mark.parametrize("count", [1, 20, 569, 16_000])
def test_grpc_answers_have_receipts_of_any_length(pod: tuple[Server, Any], count: int) -> None:
    server, rows = pod
    values = np.resize(rows, (count, 30))
    message = pb.ModelInferRequest(model_name="m", id="7")
    message.inputs.add(name="input", datatype="FP32", shape=[count, 30])
    message.raw_input_contents.append(values.tobytes())
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        answer = call(message, timeout=20)
    assert answer.id == "7" and [o.shape[0] for o in answer.outputs] == [count] * 2
    assert list(answer.parameters) == ["receipt"] and len(answer.raw_output_contents) == 2
    remote = answer.parameters["receipt"].string_param
    told = {"receipt": remote, "row": count - 1, "reward": 0}
    assert post(server, "feedback", told)[1]["counted"] == 1
    assert post(server, "feedback", {**told, "row": count})[0] == 400


@pytest.mark.parametrize(
    ("quoted", "status", "words", "result"),
    [
        ({"receipt": "forged", "label": 1}, 400, "item 0: the receipt was not given", "forged"),
        ({"receipt": "", "label": 1}, 400, "item 0: the receipt was not given", "forged"),
        ({"receipt": "é.0", "label": 1}, 400, "item 0: the receipt was not given", "forged"),
        ({"row": 1, "label": 1}, 400, "row 1 is none of them", "refused"),
        ({"reward": 1.01}, 400, "reward 1.01 is outside of what was declared, 0 to 1", "refused"),
        ({"reward": -1e-9}, 400, "(spec.serving.receipts.reward)", "refused"),
        ({"id": "a", "receipt": None, "label": 1}, 404, "the request log is off", None),
    ],
)
def test_what_cannot_be_counted_is_refused_with_a_sentence_and_counted(
    pod: tuple[Server, Any], quoted: dict[str, Any], status: int, words: str, result: str | None
) -> None:
    server, rows = pod
    name = f'perennial_serving_outcomes_total{{result="{result}"}}'
    before = server.samples().get(name, 0)
    body = {"receipt": receipt_of(infer(server, rows[:1], "input"))} | quoted
    found, answer, _ = post(server, "feedback", body)
    assert found == status and words in answer["error"], answer
    if result is not None:
        assert server.samples()[name] == before + 1


def test_nothing_of_a_body_counts_where_something_is_wrong(pod: tuple[Server, Any]) -> None:
    server, rows = pod
    good = receipt_of(infer(server, rows[:1], "input"))
    items = [{"receipt": good, "label": "all or nothing"}, {"receipt": "forged", "label": 1}]
    assert post(server, "feedback", items)[0] == 400
    assert "all or nothing" not in labelled(own(outcomes(server)))
    assert post(server, "feedback", items[:1])[1]["counted"] == 1


def test_a_prediction_older_than_a_day_is_the_logs(keys: Path, tmp_path: Path) -> None:
    directory = doubling(tmp_path / "model")
    issuer = Issuer(load(directory, "m", "1"), Keys(keys))
    now = int(time.time())

    def made(age: int) -> str:
        head = Head(issuer.version, "None")
        return Keys(keys).seal(head(now - age) + bytes(1))

    with serving(directory, "--receipts", str(keys)) as server:
        status, answer, _ = post(server, "feedback", {"receipt": made(86_500), "reward": 1})
        assert status == 400 and "over a day old: such feedback is taken by id" in answer["error"]
        for age in (30, 86_000, 10_000):
            item = {"receipt": made(age), "reward": age}
            assert post(server, "feedback", item)[1]["counted"] == 1
        (known,) = (one.known for one in outcomes(server) if one.score == "None")
        assert [k.age for k in known] == [60, 21_600, 86_400]
    with serving(directory, "--receipts", str(keys), *logging(tmp_path / "spool")) as server:
        item = {"id": "a", "receipt": made(86_500), "reward": 1}
        told = post(server, "feedback", item)[1]
        assert told == {"accepted": 1, "counted": 0, "duplicate": 0, "old": 1}


def test_any_pod_of_any_version_counts_it_after_any_restart(keys: Path, tmp_path: Path) -> None:
    directory = doubling(tmp_path)
    options = ("--receipts", str(keys))
    with serving(directory, *options, "--model-version", "first") as server:
        receipt = receipt_of(infer(server, [[1.0], [4.5]], "x"))
        first = own(outcomes(server)).version
        assert server.stop() == 0
    with serving(directory, *options, "--model-version", "second", "--workers", "2") as server:
        for _ in range(8):  # on a connection each: to both processes, which count it once
            status, *_ = post(server, "feedback", {"receipt": f"{receipt}.1", "label": 8})
            assert status == 200
        found = {one.version: one for one in outcomes(server)}
    assert found[first].score == "Number" and found[first].given == {}
    ((known),) = found[first].known
    assert known.errors is not None and known.errors.count == 1
    assert known.errors.sum == pytest.approx(1.0) and known.age == 60
    (second,) = set(found) - {first}
    assert found[second].known == []


def test_without_a_key_they_are_off_and_the_model_serves(tmp_path: Path) -> None:
    directory = doubling(tmp_path / "model")
    with serving(directory, "--receipts", str(tmp_path / "absent")) as server:
        assert "parameters" not in infer(server, [[1.0]], "x")
        status, answer, _ = post(server, "feedback", {"receipt": "r", "label": 1})
        assert status == 404 and "spec.serving.receipts" in answer["error"]
        assert closed_window(server).outcomes is None


def test_what_was_refused_is_let_go(pod: tuple[Server, Any]) -> None:
    """What was refused is let go: bodies of a megabyte, fifty times."""
    server, _ = pod
    statm = Path(f"/proc/{server.process.pid}/statm")
    body = [{"receipt": "f" * 1_000_000, "label": 1}]
    text = json.dumps(body)
    assert len(text) > 1_000_000

    def resident() -> int:
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(5):
        assert post(server, "feedback", body)[0] == 400
    before = resident()
    for _ in range(50):
        assert post(server, "feedback", body)[0] == 400
    assert resident() - before < 20 * 2**20
