"""Who asks, and what is refused for which cause, as a pod tells it."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx_models import boosted
from servers import Server, closed_window, serving

from perennial_artifact.usage import (
    CALLERS_NAMED,
    FIELD_LENGTH,
    FIELDS_NAMED,
    NAME_LENGTH,
    SLICES,
    Usage,
    add_usage,
    total,
)
from perennial_serving.evidence.usage import CAUSES, UsageCounts
from perennial_serving.protocol import inference_pb2 as pb

START = 1_800_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Any]]:
    directory, rows = boosted(tmp_path_factory.mktemp("boosted"))
    with serving(directory, "--caller-header", "X-Caller") as found:
        yield found, rows.to_numpy().tolist()


def ask(server: Server, body: Any, caller: str | bytes | None = "app") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.http)
    headers = {} if caller is None else {"x-cALLER": caller}
    connection.request("POST", "/v2/models/m/infer", json.dumps(body), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_callers_and_causes_are_counted_and_inputs_are_named_only_where_they_exist(
    server: tuple[Server, Any],
) -> None:
    served, rows = server
    good = {"name": "input", "shape": [1, 30], "datatype": "FP32", "data": rows[:1]}
    assert ask(served, {"inputs": [good]}) == 200
    assert ask(served, {"inputs": [good]}, None) == 200
    assert ask(served, {"inputs": [{**good, "name": "a client's word"}]}) == 400
    assert ask(served, {"inputs": []}, "other\tapp") == 400
    assert ask(served, {"inputs": [{**good, "datatype": "INT64"}]}) == 400
    assert ask(served, {"inputs": [{**good, "shape": [1, 29]}]}) == 400
    assert ask(served, {"inputs": 3}) == 400
    usage = closed_window(served, "usage").usage
    assert usage is not None and usage.header == "x-caller"
    answered, refused, callers, others = total(usage.slices)
    assert (answered, others) == (2, 0)
    assert refused == {
        ("Unknown", ""): 1,
        ("Missing", "input"): 1,
        ("WrongType", "input"): 2,
        ("Malformed", ""): 1,
    }
    assert callers == {"app": 5, "": 1, "other?app": 1}


def test_callers_over_grpc_are_counted_by_the_same_header(tmp_path: Path) -> None:
    directory, _ = boosted(tmp_path)
    with serving(directory, "--caller-header", "X-Caller") as served:
        message = pb.ModelInferRequest(model_name="m")
        with grpc.insecure_channel(f"127.0.0.1:{served.grpc}") as channel:
            call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            with pytest.raises(grpc.RpcError):
                call(message.SerializeToString(), timeout=20, metadata=[("x-caller", "batch")])
        usage = closed_window(served, "usage").usage
        assert usage is not None
        _, refused, callers, _ = total(usage.slices)
        assert (refused, callers) == ({("Missing", "input"): 1}, {"batch": 1})


def test_a_name_beyond_ascii_is_one_name_however_it_is_written(tmp_path: Path) -> None:
    """By both protocols: UTF-8, in parts as macOS writes it, and what old clients send."""
    name = "Büro"
    written = [name.encode(), "Bu\u0308ro".encode(), name.encode("latin-1")]
    directory, _ = boosted(tmp_path)
    with serving(directory, "--caller-header", "X-Caller") as served:
        for said in written:
            assert ask(served, {"inputs": []}, said) == 400
        message = pb.ModelInferRequest(model_name="m").SerializeToString()
        with grpc.insecure_channel(f"127.0.0.1:{served.grpc}") as channel:
            call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            for said in written:
                with pytest.raises(grpc.RpcError):
                    call(message, timeout=20, metadata=[("x-caller-bin", said)])
        usage = closed_window(served, "usage").usage
        assert usage is not None and total(usage.slices)[2] == {name: 6}


def test_a_long_name_is_cut_between_characters() -> None:
    found = UsageCounts([], "x-caller")
    for said in ("ü" * 400, "ü" * 401):
        found.answered("", "", said.encode(), START)
    found.answered("", "", b"x" + "ü".encode() * 400, START)
    callers = total(found.between(START, START + 5, START + 5).slices)[2]
    assert set(callers) == {"ü" * NAME_LENGTH, "x" + "ü" * (NAME_LENGTH - 1)}


def test_without_a_header_nobody_is_counted(tmp_path: Path) -> None:
    directory, _ = boosted(tmp_path)
    with serving(directory) as served:
        assert ask(served, {"inputs": []}) == 400
        usage = closed_window(served, "usage").usage
        assert usage is not None and usage.header == ""
        assert [len(s.callers) for s in usage.slices] == [0]


# When, by which pod, what was wrong, of which input, who asked.
answers = st.tuples(
    st.integers(0, 299),
    st.integers(0, 2),
    st.sampled_from(["", *CAUSES]),
    st.sampled_from(["a", "b", "?"]),
    st.sampled_from([None, b"app", b"web"]),
)


@given(st.lists(answers, max_size=60))
def test_any_split_over_pods_adds_up_to_the_whole(asked: list[Any]) -> None:
    def counted(pods: set[int]) -> Any:
        found = UsageCounts(["a", "b"], "x-caller")
        for at, pod, cause, field, caller in sorted(asked, key=lambda a: a[0]):
            if pod in pods:
                found.answered(cause, field, caller, START + at)
        return found.between(START, START + 300, START + 300)

    assert add_usage([counted({n}) for n in range(3)]) == counted({0, 1, 2})


def test_what_a_pod_names_is_bounded_and_nothing_is_lost() -> None:
    counts = UsageCounts([f"f{n}" for n in range(1_000)], "x-caller")
    for n in range(1_000):
        counts.answered("WrongType", f"f{n}", b"%d" % n + b"x" * 500, START + n / 500)
        counts.answered("", "", b"big", START + n / 500)
    usage = counts.between(START, START + 60, START + 90_000 - 86_400 + 60)
    answered, refused, callers, others = total(usage.slices)
    assert answered == 1_000 and sum(refused.values()) == 1_000
    assert len(refused) <= FIELDS_NAMED + 1 and len(callers) == CALLERS_NAMED
    assert callers["big"] == 1_000 and sum(callers.values()) + others == 2_000
    assert max(map(len, callers)) == 63
    assert counts.buckets.maximum_bytes < 20e6
    assert UsageCounts(["a"]).buckets.maximum_bytes < 5e6


def test_who_asks_often_is_named_though_others_make_up_names() -> None:
    """Once as many as are named came before it, it would never be."""
    counts = UsageCounts(["a"], "x-caller")
    for second in range(0, 7_200, 5):
        for n in range(40):
            counts.answered("", "", b"%d" % (second * 40 + n), START + second)
        for _ in range(50):
            counts.answered("", "", b"big", START + second + 0.5)
    now = START + 7_200
    usage = counts.between(START, now, now)
    assert 1 < len(usage.slices) <= SLICES
    assert {s.seconds for s in usage.slices} == {300}
    _, _, callers, others = total(usage.slices)
    assert sum(callers.values()) + others == 90 * 1_440
    assert callers["big"] == 50 * 1_440


def test_an_answer_stays_short_though_each_request_has_a_caller_of_its_own() -> None:
    names = [f"{n:063d}" for n in range(CALLERS_NAMED)]
    usage = UsageCounts([f"input-{n}" for n in range(1_000)], "x-caller")
    for bucket in range(720):  # an hour
        for n, name in enumerate(names):
            caller = f"{bucket:04d}{name[4:]}".encode()
            usage.answered(
                "Missing", f"input-{(32 * bucket + n) % 1_000}", caller, START + 5 * bucket
            )
        for _ in range(40):
            usage.answered("", "", b"app", START + 5 * bucket)
    told = usage.between(START, START + 3_600, START + 3_600)
    assert len(told.to_json()) < 100_000
    assert all(len(s.callers) <= CALLERS_NAMED for s in told.slices)
    both = add_usage([told, told])
    assert all(len(s.refusals) <= FIELDS_NAMED + len(CAUSES) for s in both.slices)
    answered, refused, callers, others = total(both.slices)
    assert answered == callers["app"] == 2 * 40 * 720
    assert sum(refused.values()) == 2 * 32 * 720 == callers.total() - callers["app"] + others


def test_an_input_of_a_long_name_is_told_so_that_it_can_be_read() -> None:
    usage = UsageCounts(["x" * 300], "x-caller")
    usage.answered("Missing", "x" * 300, b"app", START)
    told = usage.between(START, START + 5, START + 5)
    assert Usage.from_json(told.to_json()) == told
    _, refused, _, _ = total(told.slices)
    assert refused == {("Missing", "x" * FIELD_LENGTH): 1}
