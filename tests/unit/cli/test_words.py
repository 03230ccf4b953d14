"""Words, marks and names; and what is asked for in writing."""

import getpass
from datetime import UTC, datetime
from typing import Any

import pytest
import scenes

from perennial.cli.kinds import DEPLOYMENT, TRAINING, VERSION, kind_called
from perennial.cli.lenient import at, harmless, moment, part
from perennial.cli.naming import Named, named
from perennial.cli.problem import USAGE, Problem
from perennial.cli.requesting import FULL, VERBS, request_text, unhandled
from perennial.cli.screen import rendered
from perennial.cli.shown.heading import standing
from perennial.cli.shown.state import state_of
from perennial.cli.shown.words import bar, duration, listed, shortened, sparkline
from perennial.plan.core import REQUEST_LENGTH
from perennial.plan.rollout.requests import REQUESTS as OF_A_ROLLOUT
from perennial.plan.training import RETRAIN


@pytest.mark.parametrize(
    "seconds, words",
    [
        (-5, "0s"),
        (0.2, "1s"),
        (59, "59s"),
        (60, "1m"),
        (258, "4m18s"),
        (600, "10m"),
        (3_600, "1h"),
        (11_400, "3h10m"),
        (100_000, "27h"),
        (172_800, "2d"),
        (34_560_000, "400d"),
    ],
)
def test_a_length_of_time_is_told_as_kubectl_tells_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    "values, line",
    [
        ([], ""),
        ([None], ""),
        ([0.0, 0.0], "▁▁"),
        ([1.0, 1.0], "██"),  # what is not zero does not look as if it were
        ([0.0, 0.5, 1.0], "▁▅█"),
        ([0.0, None, 1.0], "▁ █"),
        ([-1.0, 0.0], "▁█"),
        ([float("inf"), 1.0], " █"),
    ],
)
def test_a_sparkline_begins_at_zero(values: list[float | None], line: str) -> None:
    assert sparkline(values) == line


def test_a_sparkline_is_of_the_newest_values() -> None:
    assert sparkline([1.0] * 30 + [0.0] * 20) == "▁" * 20


@pytest.mark.parametrize("percent, line", [(0, "──────────"), (1, "━─────────"), (100, "━" * 10)])
def test_a_share_that_is_not_zero_is_seen(percent: int, line: str) -> None:
    assert bar(percent) == line


def test_a_name_keeps_its_end() -> None:
    name = "flights-3fa9c1d2e0-1-7d9f5b8c4-hx2lq"
    assert shortened(name, 20) == "flights…f5b8c4-hx2lq"
    assert shortened(name, 100) == name


@pytest.mark.parametrize(
    "names, words",
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdefgh"), "a, b, c, d and 4 more"),
    ],
)
def test_names_are_listed_as_a_sentence_has_them(names: list[str], words: str) -> None:
    assert listed(names) == words


@pytest.mark.parametrize("word", ["deployment", "Deployments", "md", "modeldeployment",
                                  "ModelDeployment", "modeldeployments.perennial.dev"])  # fmt: skip
def test_a_kind_goes_by_many_names(word: str) -> None:
    assert kind_called(word) == DEPLOYMENT


@pytest.mark.parametrize(
    "words, meant",
    [
        ([], Named()),
        (["flights"], Named(name="flights")),
        (["mv"], Named(VERSION)),
        (["mt/flights"], Named(TRAINING, "flights")),
        (["training", "flights"], Named(TRAINING, "flights")),
    ],
)
def test_an_object_is_named_in_several_ways(words: list[str], meant: Named) -> None:
    assert named(words) == meant


@pytest.mark.parametrize(
    "words, told",
    [
        (["pods", "x"], "pods is no kind: write training, version, deployment or monitor"),
        (["pod/x"], "pod is no kind"),
        (["mt/"], "write mt/ as KIND/NAME"),
        (["mt/a", "b"], "write mt/a as KIND/NAME"),
        (["a", "b", "c"], "one object is named at a time"),
    ],
)
def test_words_that_name_nothing_are_a_wrong_call(words: list[str], told: str) -> None:
    with pytest.raises(Problem) as problem:
        named(words)
    assert told in str(problem.value) and problem.value.code == USAGE


def test_what_can_be_asked_for_is_what_the_operator_knows() -> None:
    asked = {(v.name, v.kind.kind) for v in VERBS} | {(FULL, "ModelDeployment")}
    known = {(verb, "ModelDeployment") for verb in OF_A_ROLLOUT} | {(RETRAIN, "ModelTraining")}
    assert asked == known


NOON = datetime(2026, 11, 26, 12, 0, 1, 123_000, tzinfo=UTC)


def test_a_request_says_who_asks_when_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "anna")
    assert request_text("abort", "", NOON) == "abort/anna 2026-11-26T12:00:01.123Z"
    asked = request_text("abort", "labels look wrong", NOON)
    assert asked == "abort/anna 2026-11-26T12:00:01.123Z: labels look wrong"

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 65532")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert request_text("undo", "", NOON).startswith("undo/somebody ")


def test_a_reason_that_is_too_long_is_refused_before_it_is_written() -> None:
    longest = REQUEST_LENGTH - len(request_text("abort", "x", NOON)) + 1
    assert len(request_text("abort", "x" * longest, NOON)) == REQUEST_LENGTH
    with pytest.raises(Problem, match="the reason is 3 characters too long") as problem:
        request_text("abort", "x" * (longest + 3), NOON)
    assert problem.value.code == USAGE


def test_what_was_handled_is_not_waited_for() -> None:
    body: Any = {"metadata": {"annotations": {"perennial.dev/request": "undo/1"}}}
    assert unhandled(body) == "undo/1"
    assert unhandled({**body, "status": {"lastRequest": "undo/1"}}) == ""
    assert unhandled({"metadata": {}}) == ""


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    attack = "\x1b]0;title\x07\x1b[2J\x9b31m\r"
    assert not set(harmless(attack)) & set("\x1b\x07\x9b\r")
    ready = scenes.condition("Stalled", "True", "Bad", f"look{attack}")
    page = rendered(standing(scenes.deployment(conditions=[ready])), 80)
    assert "look" in page and page.isprintable()


def test_what_is_absent_or_odd_is_nothing() -> None:
    assert at({"a": [1]}, "a.b") is None and part({"a": 3}, "a") == {}
    assert moment("yesterday") is None and moment(7) is None
    assert moment("2026-01-01T00:00:00") == datetime(2026, 1, 1, tzinfo=UTC)


def changed(body: Any, **conditions: tuple[str, str]) -> Any:
    told = [scenes.condition(t, status, reason) for t, (status, reason) in conditions.items()]
    kept = [c for c in body["status"]["conditions"] if c["type"] not in conditions]
    return {**body, "status": {**body["status"], "conditions": [*told, *kept]}}


RUN = {"number": 3, "phase": "Fitting", "trigger": "Request"}
FAILED_RUN = {"number": 2, "outcome": "GatesFailed"}
STATES = [
    (scenes.at_rest(), "Done", "Serving"),
    (scenes.deployment(), "UnderWay", "Canary"),
    (scenes.paused(), "UnderWay", "Paused: CanaryPauseStep"),
    (scenes.rolled_back(), "Failed", "AnalysisFailed"),
    (changed(scenes.at_rest(), Stalled=("True", "NameConflict")), "Failed", "NameConflict"),
    (changed(scenes.at_rest(), Ready=("False", "Starting")), "UnderWay", "Starting"),
    (changed(scenes.at_rest(), RolledOut=("Unknown", "Dreams")), "UnderWay", "Dreams"),
    ({**scenes.at_rest(), "status": {}}, "UnderWay", "New"),
    (
        {**scenes.at_rest(), "metadata": scenes.metadata("flights", 9, generation=2)},
        "UnderWay",
        "Changed",
    ),
    (scenes.training(), "Done", "Promoted"),
    (scenes.training(run=RUN), "UnderWay", "Training: Idle"),
    (scenes.training(pending={"reason": "asked"}), "UnderWay", "Pending"),
    (
        changed(scenes.training(lastRun=FAILED_RUN), Ready=("True", "GatesFailed")),
        "Failed",
        "GatesFailed",
    ),
    (scenes.version(1, **scenes.serving("flights", "Stable")), "Done", "Serves flights"),
    (scenes.version(1, **scenes.serving("flights", "Canary")), "UnderWay", "Canary of flights"),
    (scenes.version(1, outcome={"reason": "RolledBack"}), "Failed", "RolledBack"),
    (scenes.version(1), "Done", "NotServed"),
    (scenes.monitor(), "Failed", "Drifted, RolloutUnderWay"),
    (
        changed(scenes.monitor(), Drifted=("False", "LikeReference")),
        "Failed",
        "QualityLimitsBroken",
    ),
    (
        changed(
            scenes.monitor(),
            Drifted=("False", "LikeReference"),
            QualityPassed=("True", "WithinLimits"),
        ),
        "Done",
        "LikeReference",
    ),
    (
        changed(
            scenes.monitor(),
            Drifted=("False", "LikeReference"),
            PerformanceKept=("False", "LimitsBroken"),
        ),
        "Failed",
        "LimitsBroken",
    ),
    (
        changed(
            scenes.monitor(), Drifted=("Unknown", "TooFewSamples"), QualityPassed=("Unknown", "")
        ),
        "UnderWay",
        "TooFewSamples",
    ),
]


@pytest.mark.parametrize("body, stage, word", STATES)
def test_how_an_object_stands(body: Any, stage: str, word: str) -> None:
    found = state_of(body)
    assert (found.stage, found.word) == (stage, word)
