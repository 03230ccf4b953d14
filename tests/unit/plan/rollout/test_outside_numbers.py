"""What Prometheus or a URL answers, read into a number, or a sentence why there is none."""

import json
from typing import Any

import pytest
from builders import later

from perennial.api.deployment import AnalysisMetric, MetricStatus
from perennial.plan.core.outside import Measurement
from perennial.plan.rollout.analysis.measured import after, anew, is_due, is_lost
from perennial.plan.rollout.analysis.sources import SOURCES
from perennial.plan.rollout.analysis.sources.prometheus import PrometheusQuestion
from perennial.plan.rollout.analysis.sources.source import Names
from perennial.plan.rollout.analysis.sources.web import WebQuestion

NAMES = Names("team", "flights", "c-1", "s-1")


def prometheus(body: Any, status: int = 200) -> Measurement:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PrometheusQuestion("id", "http://p").read(status, raw)


def answer(kind: str, result: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def vector(*values: str) -> dict[str, Any]:
    return answer(
        "vector", [{"metric": {"n": str(n)}, "value": [1, v]} for n, v in enumerate(values)]
    )


def test_one_series_or_a_scalar_is_a_number() -> None:
    assert prometheus(vector("0.25")) == Measurement(0.25)
    assert prometheus(answer("scalar", [1, "-3"])) == Measurement(-3.0)
    warned = {**vector("1"), "warnings": ["x"], "infos": ["y"]}
    assert prometheus(warned) == Measurement(1.0)


BAD = {
    "status": "error",
    "errorType": "bad_data",
    "error": 'invalid parameter "query":\n parse error',
}
SLOW = {"status": "error", "errorType": "timeout", "error": "query timed out"}
FAILED = {"status": "error", "errorType": "execution", "error": "x" * 5000}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (vector(), 200, "gives no series"),
        (vector("1", "2"), 200, "gives 2 series, and one is wanted: put sum"),
        (vector("NaN"), 200, "NaN: most often a division of 0 by 0"),
        (vector("+Inf"), 200, "gives +Inf"),
        (answer("matrix", []), 200, "gives a range"),
        (answer("string", [1, "x"]), 200, "gives a text"),
        (BAD, 400, 'no valid PromQL: invalid parameter "query": parse error'),
        (SLOW, 503, "takes longer than 4s"),
        (FAILED, 422, "the query failed: xxx"),
        (b"<html>", 502, "with status 502 and what is no answer of Prometheus"),
        (b"", 200, "no answer of Prometheus"),
        (b"[" * 100_000, 200, "no answer of Prometheus"),
        (b'"\xff"', 200, "no answer of Prometheus"),
        ({}, 200, "with status 200"),
        ({"status": "success"}, 200, "gives no number"),
        (answer("vector", [{}]), 200, "no answer of Prometheus"),
        (answer("vector", [{"value": [1, None]}]), 200, "no answer of Prometheus"),
        (answer("vector", 5), 200, "no answer of Prometheus"),
        (answer("scalar", "x"), 200, "no answer of Prometheus"),
        (answer("scalar", [1, "many"]), 200, "no answer of Prometheus"),
        (vector("1"), 401, "with status 401"),
    ],
)
def test_prometheus_without_a_number_says_why(body: Any, status: int, words: str) -> None:
    found = prometheus(body, status)
    assert found.value is None and words in found.problem and len(found.problem) < 300


def web(body: Any, path: str = "", status: int = 200) -> Measurement:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WebQuestion("id", "http://w", path).read(status, raw)


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        (0.5, "", 0.5),
        ({"a": [{"b": 3}]}, "/a/0/b", 3.0),
        ({"a/b": {"~": True}}, "/a~1b/~0", 1.0),
        ({"ok": False}, "/ok", 0.0),
        ({"": {"": 2}}, "//", 2.0),
        ({"0": 4}, "/0", 4.0),
    ],
)
def test_a_web_answer_has_its_number_at_the_path(body: Any, path: str, value: float) -> None:
    assert web(body, path) == Measurement(value)


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        (b"", "", "no JSON"),
        (b"hello", "", "no JSON"),
        (b"NaN", "", "no JSON"),
        (b"[" * 100_000, "/0", "no JSON"),
        (b'"\xff"', "", "no JSON"),
        ({"a": 1}, "/b", "nothing at /b"),
        ({"a": 1}, "/a/b", "nothing at /a/b"),
        ([1], "/1", "nothing at /1"),
        ([1], "/-1", "nothing at /-1"),
        ([1], "/²", "nothing at /²"),
        ({"a": "0.5"}, "/a", "at /a is a text, not a number"),
        ({"a": None}, "/a", "at /a is null"),
        ({"a": {}}, "/a", "at /a is an object"),
        ([], "", "it is a list"),
        (b"1e999", "", "no JSON"),
        (b"1" + b"0" * 400, "", "beyond all numbers"),
    ],
)
def test_a_web_answer_without_it_says_why(body: Any, path: str, words: str) -> None:
    found = web(body, path)
    assert found.value is None and words in found.problem and len(found.problem) < 300


def test_a_web_status_other_than_200_is_no_answer() -> None:
    assert web(1, status=500).problem == "it answered with status 500"


def asked(**metric: Any) -> AnalysisMetric:
    return AnalysisMetric.model_validate({"name": "x", **metric})


def test_placeholders_are_filled_in_and_a_query_is_encoded() -> None:
    query = 'sum(rate(x{namespace="{{namespace}}", pod=~"{{name}}-{{canary}}-.*"}[1m])) + 1'
    metric = asked(prometheus={"address": "http://p:9090/", "query": query, "maximum": 1})
    limit = SOURCES["prometheus"].limit_of(metric)
    assert limit is not None
    url = SOURCES["prometheus"].question("id", limit, NAMES).url
    assert url.startswith(
        "http://p:9090/api/v1/query?query=sum%28rate%28x%7Bnamespace%3D%22team%22"
    )
    assert "flights-c-1-.%2A" in url and "%2B+1&timeout=4s" in url
    metric = asked(
        web={"url": "http://checks.{{namespace}}.svc/{{name}}?of={{stable}}", "minimum": 1}
    )
    limit = SOURCES["web"].limit_of(metric)
    assert limit is not None
    assert (
        SOURCES["web"].question("id", limit, NAMES).url == "http://checks.team.svc/flights?of=s-1"
    )


def test_what_is_no_name_is_never_put_into_a_query() -> None:
    names = Names("team", "flights", 'x"} or vector(0)', "evil.example/")
    assert names.into('{{name}} "{{canary}}" http://{{stable}}/') == 'flights "none" http://none/'


LIMIT = asked(web={"url": "http://w", "minimum": 0.9, "failures": 2, "interval": "10s"}).web
assert LIMIT is not None


def course(*values: float | None) -> MetricStatus:
    """Return what is known after measurements ten seconds apart; None gives no number."""
    known = MetricStatus(name="x")
    for n, value in enumerate(values):
        found = Measurement(value, "" if value is not None else "it did not answer within 5 s")
        assert LIMIT is not None
        known = after(LIMIT, known, found, later(10 * n))
    return known


def test_a_number_within_its_limit_passes() -> None:
    found = course(0.9, 0.95)
    assert found.verdict == "Successful" and found.message == "x: 0.95 keeps the minimum of 0.9"
    assert found.value == 0.95 and found.reference == 0.9 and found.course == [0.9, 0.95]


def test_misses_are_forgiven_so_often_and_hold_it_back_meanwhile() -> None:
    found = course(0.95, 0.8)
    assert found.verdict == "Undecided" and found.suspected
    assert "for the 1st time, and 2 may" in found.message
    assert course(0.8, 0.95).verdict == "Successful"


def test_one_more_fails_whatever_came_between() -> None:
    found = course(0.8, 0.95, 0.7, None, 0.6)
    assert found.verdict == "Failed"
    assert found.message == (
        "x: 3 of 4 measurements missed the minimum of 0.9, the last number is 0.6; 2 may"
    )


def test_no_number_is_neither_a_success_nor_a_miss() -> None:
    found = course(0.95, None)
    assert found.verdict == "Undecided" and found.measured and found.measured.misses == 0
    assert found.message == "x: no number: it did not answer within 5 s"
    assert course(0.95, None, 0.95).verdict == "Successful"


def test_silence_has_a_limit_of_its_own() -> None:
    before, found = course(*[None] * 4), course(*[None] * 5)
    assert before.verdict == "Undecided" and not is_lost(course(*[None] * 3), before)
    assert found.verdict == "Unreachable" and "5 times in a row" in found.message
    assert is_lost(before, found) and not is_lost(found, found)
    assert course(*[None, 0.95] * 9).verdict == "Successful"


def test_it_is_measured_at_its_interval_and_a_clock_that_was_set_back_waits_for_none() -> None:
    known = course(0.95)
    assert LIMIT is not None and is_due(LIMIT, None, later(0))
    assert [is_due(LIMIT, known, later(s)) for s in (0, 9.9, 10, -1)] == [False, False, True, True]


def test_what_a_canary_did_with_less_traffic_is_no_success_with_more() -> None:
    known = course(0.95)
    assert anew(known, later(0)).verdict == "Successful"
    found = anew(known, later(5))
    assert found.verdict == "Undecided" and "next number is waited for" in found.message
    assert anew(course(0.1, 0.1, 0.1), later(100)).verdict == "Failed"
