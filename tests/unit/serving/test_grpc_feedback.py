"""Feedback over gRPC: the same as over HTTP, of one row and of many."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from onnx_models import doubling
from servers import Server, closed_window, serving
from test_request_log import infer, logging, shipped, shipping, wait

from perennial_serving.protocol import feedback_pb2 as pb

PATH = "/perennial.FeedbackService/Feedback"


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    keys = tmp_path_factory.mktemp("keys")
    (keys / "key").write_bytes(os.urandom(32))
    options = ("--receipts", str(keys), "--reward-minimum", "0", "--reward-maximum", "1")
    with serving(doubling(tmp_path_factory.mktemp("model")), *options) as server:
        yield server


def feed(server: Server, *items: Any, model: str = "") -> Any:
    request = pb.FeedbackRequest(model_name=model, items=items)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        serialize, read = pb.FeedbackRequest.SerializeToString, pb.FeedbackResponse.FromString
        return channel.unary_unary(PATH, serialize, read)(request, timeout=20)


def receipt(server: Server, *values: float) -> str:
    found: str = infer(server, [[v] for v in values], "x")["parameters"]["receipt"]
    return found


def known(**said: Any) -> Any:
    return pb.Known(**said)


def test_one_row_or_rows_that_follow_one_another_are_counted_once(pod: Server) -> None:
    quoted = receipt(pod, 1, 2, 3, 4)
    one = pb.FeedbackItem(receipt=f"{quoted}.3", known=[known(double_label=7.5, reward=0.5)])
    rows = [known(int64_label=2), known(), known(string_label="6.5")]
    several = pb.FeedbackItem(receipt=quoted, known=rows)
    told = feed(pod, one, several, model="m")
    assert (told.accepted, told.counted, told.duplicate, told.old) == (3, 3, 0, 0)
    told = feed(pod, pb.FeedbackItem(receipt=quoted, row=3, known=[known(reward=0.25)]))
    assert (told.accepted, told.counted, told.duplicate) == (1, 0, 1)
    (found,) = closed_window(pod, "outcomes").outcomes or []
    (told,) = found.known
    # Predictions are 8, 2 and 6; those of several rows are off by a 508th of what lies between.
    assert told.errors is not None and told.errors.count == 3
    assert told.errors.sum == pytest.approx(0.5 + 0.0 - 0.5, abs=3 * 6 / 508)
    assert told.rewards is not None and told.rewards.sum == 0.5


@pytest.mark.parametrize(
    ("item", "model", "code", "words"),
    [
        (pb.FeedbackItem(receipt="forged", known=[known(int64_label=1)]), "", 3, "was not given"),
        (pb.FeedbackItem(known=[known(int64_label=1)]), "", 3, "expected id or receipt"),
        (pb.FeedbackItem(receipt="a", known=[known()]), "", 3, "expected label or reward"),
        (pb.FeedbackItem(receipt="a", known=[known(reward=math.nan)]), "", 3, "finite, got nan"),
        (pb.FeedbackItem(receipt="a", known=[known(double_label=math.inf)]), "", 3, "finite"),
        (pb.FeedbackItem(receipt="a", row=-1, known=[known(reward=1)]), "", 3, "row from 0"),
        (pb.FeedbackItem(receipt="a", known=[known(reward=1)] * 10_001), "", 3, "at most 10000"),
        (pb.FeedbackItem(id="a", known=[known(reward=1)]), "", 5, "the request log is off"),
        (pb.FeedbackItem(receipt="a", known=[known(reward=1)]), "other", 5, "is not served"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    pod: Server, item: Any, model: str, code: int, words: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        feed(pod, item, model=model)
    assert caught.value.code().value[0] == code and words in caught.value.details()


def test_what_is_no_message_or_not_wanted_is_refused(pod: Server, tmp_path: Path) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{pod.grpc}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(PATH)(b"\xff", timeout=20)
        assert "no FeedbackRequest" in caught.value.details()
        assert channel.unary_unary(PATH)(b"", timeout=20) == b""  # nothing, of nothing
    with serving(doubling(tmp_path)) as server:
        with pytest.raises(grpc.RpcError) as caught:
            feed(server, pb.FeedbackItem(receipt="a", known=[known(reward=1)]))
        assert "feedback is not taken" in caught.value.details()


def test_feedback_by_id_is_logged(tmp_path: Path) -> None:
    spool, store = tmp_path / "spool", tmp_path / "store"
    with serving(doubling(tmp_path / "model"), *logging(spool)) as server, shipping(spool, store):
        infer(server, [[1.0], [2.0]], "x", id="a")
        rows = [known(bool_label=True), known(reward=2)]
        told = feed(server, pb.FeedbackItem(id="a", known=rows))
        assert (told.accepted, told.counted) == (2, 0)
        wait(lambda: len(shipped(store, "feedback")) == 2)
    found = shipped(store, "feedback").sort_values("row")
    assert found["row"].tolist() == [0, 1] and found["label"].tolist()[0] == "true"
    assert found["label"].isna().tolist() == [False, True]
    assert found["reward"].isna().tolist() == [True, False] and found["reward"].tolist()[1] == 2
