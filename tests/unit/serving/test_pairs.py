"""Two versions that get the same requests keep the answers to the same ones, however many pods."""

import http.client
import itertools
import json
import math
import os
import random
import time
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import doubling
from servers import Server, closed_window, serving, window
from tritonclient.grpc import service_pb2 as pb

from perennial_artifact.pairs import Answered, Pairs, add_pairs, paired
from perennial_artifact.scores import Score
from perennial_artifact.windows import Window, merge
from perennial_serving.evidence.receipts.keeper import Keeper
from perennial_serving.evidence.receipts.keys import Keys
from perennial_serving.evidence.receipts.pairs import KEPT, Kept, PairCounts
from perennial_serving.model.loaded import load

START, END, KEY = 1_800_000_000, 1_800_000_060, b"key"


def arm(
    requests: list[tuple[int, int, float]], pods: int, version: str, score: Score = "Number"
) -> list[PairCounts]:
    """Return what an arm's pods keep of requests: number, second, answer."""
    found = [PairCounts(version, score, KEY) for _ in range(pods)]
    for number, second, answer in requests:
        keep(found[number * 7 % pods], number, answer, START + second)
    return found


def keep(pod: PairCounts, number: int, answer: float, now: float) -> None:
    """Let a pod keep an answer as a server does: what it does not want is not read."""
    request = pod.number(b"%d" % number)
    if pod.wants(request, now):
        pod.add(request, answer, now)


def told(pods: list[PairCounts]) -> Pairs:
    return add_pairs(pod.between(START, END, END) for pod in pods)


@pytest.mark.parametrize("pods", [1, 2, 5])
def test_however_many_pods_the_same_requests_are_kept(pods: int) -> None:
    requests = [(n, n % 4, float(n)) for n in range(3000)]
    stable = told(arm(requests, pods, "a" * 12))
    shadow = told(arm([(n, s, a + 1) for n, s, a in requests], 1, "b" * 12))
    found = paired(stable, shadow)
    assert len(found) == len(shadow.answers) == KEPT
    assert all(theirs == ours + 1 for ours, theirs in found)
    assert len(stable.answers) == pods * KEPT


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 59)), max_size=60),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_any_split_and_order_merges_to_the_truth_and_what_came_twice_is_dropped(
    came: list[tuple[int, int]], pods: int, order: Any
) -> None:
    requests = [(number, second, float(number)) for number, second in came]
    whole = told(arm(requests, 1, "a" * 12))
    order.shuffle(requests)
    parts = [
        pod.between(a, b, END)
        for pod in arm(requests, pods, "a" * 12)
        for a, b in ((START, START + 20), (START + 20, END))
    ]
    order.shuffle(parts)
    assert add_pairs(parts) == whole
    assert add_pairs([add_pairs(parts[:1]), add_pairs(parts[1:])]) == whole
    once = [number for number, _ in came if sum(n == number for n, _ in came) == 1]
    kept = [a.answer for a in whole.answers if a.answer is not None]
    assert sorted(kept) == sorted(map(float, once))
    assert sorted(paired(whole, whole)) == sorted((a, a) for a in kept)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2), st.integers(0, 59)), max_size=60),
    st.lists(st.sets(st.integers(1, 11), max_size=3), min_size=3, max_size=3),
    st.sets(st.integers(1, 11), max_size=4),
    st.randoms(use_true_random=False),
)
def test_pods_that_begin_anew_merge_to_the_truth(
    came: list[tuple[int, int, int]], restarts: list[set[int]], cuts: set[int], order: Any
) -> None:
    """What begins anew has been read before: what has not is gone, and `since` says so."""
    whole = told(arm([(n, second, float(n)) for n, _, second in came], 1, "a" * 12))
    moments = [START, *(START + 5 * cut for cut in sorted(cuts)), END]
    parts = []
    for pod, bounds in enumerate(restarts):
        for begin, end in itertools.pairwise([0, *sorted(5 * n for n in bounds), 60]):
            life = PairCounts("a" * 12, "Number", KEY)
            own = [(n, s) for n, of, s in came if of == pod and begin <= s < end]
            order.shuffle(own)
            for number, second in own:
                keep(life, number, float(number), START + second)
            parts += [life.between(a, b, END) for a, b in itertools.pairwise(moments)]
    order.shuffle(parts)
    assert add_pairs(parts) == whole


def test_it_is_bounded() -> None:
    pod = PairCounts("a" * 12, "Number", KEY)
    numbers = list(range(50_000))
    random.Random(0).shuffle(numbers)
    for number in numbers:
        keep(pod, number, number, START + number % 60)
    found = pod.between(START, END, END)
    assert len(found.answers) == 12 * KEPT
    assert max(a.request for a in found.answers) < 2**53 / 10  # the smallest of all


def test_what_two_buckets_keep_together_is_what_one_would() -> None:
    numbers = random.Random(1).choices(range(2**20), k=1000)
    halves = Kept(), Kept()
    whole = Kept()
    for n, number in enumerate(numbers[:400] + numbers):
        halves[n % 2].add(number, 1.0)
        whole.add(number, 1.0)
    assert (halves[0] + halves[1]).answers == whole.answers


def test_answers_of_other_kinds_or_versions_are_no_pairs() -> None:
    one = Pairs(version="a" * 12, score="Number", answers=[Answered(1, 2.0)])
    with pytest.raises(ValueError, match="Number and Class"):
        paired(one, one.replace(score="Class"))
    with pytest.raises(ValueError, match="one version"):
        add_pairs([one, one.replace(version="b" * 12)])
    plain = Window(model="m", version="1", since=0, clock=60, start=0, end=60)
    assert merge([plain.replace(pairs=one), plain]).pairs is None  # no zero


def infer(server: Server, value: float, request_id: str = "", **headers: str) -> None:
    tensor = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [value]}
    body = {"inputs": [tensor]} | ({"id": request_id} if request_id else {})
    connection = http.client.HTTPConnection("127.0.0.1", server.http)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    connection.request("POST", "/v2/models/m/infer", json.dumps(body), named)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_server_keeps_answers_by_request_id_trace_or_body(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "key").write_bytes(os.urandom(32))
    directory = doubling(tmp_path / "model")
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    with serving(directory, "--pairs", str(keys), "--workers", "2") as server:
        infer(server, 1.0, x_request_id="one", traceparent=trace)
        infer(server, 2.0, "ignored", traceparent=trace)
        infer(server, 3.0, "three")
        infer(server, 4.0)  # nothing names it
        message = pb.ModelInferRequest(model_name="m")
        message.inputs.add(name="x", datatype="FP32", shape=[1, 1])
        message.inputs[0].contents.fp32_contents.append(5.0)
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
            call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            call(message.SerializeToString(), timeout=20, metadata=[("x-request-id", "five")])
        for _ in range(2):
            infer(server, 6.0, x_request_id="twice")
        closed = closed_window(server, "pairs")
        unasked = window(server, closed.start, closed.end)[1]
    assert Window.from_json(unasked).pairs is None  # only where it is asked for
    found = closed.pairs
    assert found is not None and found.score == "Number"
    answers = sorted(math.inf if a.answer is None else a.answer for a in found.answers)
    assert answers == [2.0, 4.0, 6.0, 10.0, math.inf]


def test_without_a_key_there_are_none_and_requests_are_answered(tmp_path: Path) -> None:
    with serving(doubling(tmp_path), "--pairs", str(tmp_path / "nowhere")) as server:
        infer(server, 1.0, x_request_id="one")
        assert closed_window(server, "pairs").pairs is None


def test_of_a_batch_the_first_number_is_kept_as_it_is(tmp_path: Path) -> None:
    (keys := tmp_path / "keys").mkdir()
    (keys / "key").write_bytes(os.urandom(32))
    keeper = Keeper(load(doubling(tmp_path / "model"), "m", "1"), Keys(keys))
    now = int(time.time())
    keeper.keep(b"one", {"y": np.array([[0.3], [1e9], [-1e9]], np.float32)}, 3)
    keeper.keep(b"none", {"y": np.empty((0, 1), np.float32)}, 0)
    found = keeper.between(now // 5 * 5, now // 5 * 5 + 10, now + 10)
    assert [a.answer for a in found.answers] == [float(np.float32(0.3))]
