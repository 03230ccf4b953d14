"""A run that nobody asked for in person ships what is better than the champion, or nothing."""

import json
from typing import Any

import pytest
from builders import conditions, later, monitor
from training_world import World, asked, message, run_to_end

from perennial.api.training import RunStatus, TrainingSpec
from perennial.plan.training import plan_training
from perennial.plan.training.honest import judge
from perennial_artifact.result import ByAge, CandidateResult, Comparison, OnRows

GOOD = {0: message("boosted", 0.8), 1: message("linear", 0.9)}
FROM_TO = {"start": "2026-01-01 00:00:00+00:00", "end": "2026-01-06 12:30:00+00:00"}


def on(
    low: float | None, high: float | None, value: float = 0.43, rows: int = 412, **more: Any
) -> OnRows:
    compared = Comparison(name="recall", value=value, champion=0.43, low=low, high=high)
    return OnRows(rows=rows, **FROM_TO, compared=compared, **more)


def unknown(rows: int = 54) -> OnRows:
    return OnRows(rows=rows, **FROM_TO, unknown="at least 200 are needed")


NONE = OnRows(rows=0, unknown="there are none")


def a_run(trigger: str) -> RunStatus:
    return RunStatus.model_validate(
        {
            "number": 2,
            "trigger": trigger,
            "phase": "Fitting",
            "startTime": later(0),
            "generation": 1,
            "champion": {
                "version": "fraud-3",
                "metric": {"name": "recall", "value": 0.5},
                "uri": "s3://m/",
                "sha256": "a" * 64,
            },
        }
    )


def judged(recent: OnRows, older: OnRows, trigger: str = "Drift") -> tuple[str, str]:
    spec = TrainingSpec.model_validate(World().training.spec.to_json())
    by_age = ByAge(recent=recent, older=older, confidence=0.9)
    found = judge(a_run(trigger), spec, CandidateResult(candidate="linear", by_age=by_age))
    return found.outcome, found.message


@pytest.mark.parametrize(
    ("recent", "older", "outcome"),
    [
        (on(0.01, 0.1), on(-0.2, -0.1), "Promoted"),  # the traffic of today is what it is for
        (on(0.01, 0.1), NONE, "Promoted"),
        (on(-0.02, 0.05), on(0.01, 0.1), "Promoted"),
        (on(-0.05, -0.01), on(0.01, 0.1), "NotBetter"),  # worse today
        (on(-0.02, 0.05), on(-0.02, 0.03), "NotBetter"),
        (on(0.0, 0.0), on(0.0, 0.0), "NotBetter"),
        (on(-0.02, 0.05), NONE, "NotBetter"),
        (on(None, None, 0.44), NONE, "Promoted"),  # what has no interval: the values decide
        (on(None, None, 0.43), NONE, "NotBetter"),
        (unknown(), on(-0.2, -0.1), "NotBetter"),  # a missing answer is no success
        (unknown(), on(-0.2, 0.1), "NotBetter"),
        (unknown(), on(0.02, 0.1), "Promoted"),
        (NONE, NONE, "Promoted"),  # its gates have decided
    ],
)
def test_it_is_shipped_where_it_is_better(recent: OnRows, older: OnRows, outcome: str) -> None:
    assert judged(recent, older)[0] == outcome
    assert judged(recent, older, "Schedule")[0] == outcome
    assert judged(recent, older, "Request")[0] == judged(recent, older, "Spec")[0] == "Promoted"


def test_the_sentence_says_on_which_rows_and_how_sure_it_is() -> None:
    older = on(-0.03, 0.02, 0.42, 1_900)
    assert judged(on(-0.08, 0.05, 0.41), older)[1] == (
        "linear is not shipped: on 412 recent rows from 2026-01-01 00:00 to 2026-01-06 12:30 "
        "recall 0.41 against 0.43 of fraud-3 (difference -0.08 to +0.05 at 90 %), on 1,900 older "
        "ones 0.42 against 0.43 (difference -0.03 to +0.02): drift is real, and learning from "
        "these rows does not help"
    )
    scheduled = judged(on(-0.08, 0.05, 0.41), older, "Schedule")[1]
    assert scheduled.endswith(": learning from these rows does not help")
    assert judged(on(0.02, 0.1, 0.5), NONE)[1].startswith("better: on 412 recent rows from")
    assert judged(on(0.02, 0.1, 0.5), NONE)[1].endswith(
        "+0.1 at 90 %), and older rows tell nothing (there are none)"
    )
    assert judged(unknown(), older)[1].startswith(
        "linear is not shipped: on 1,900 older rows from 2026-01-01 00:00 to 2026-01-06 12:30 "
        "recall 0.42 against 0.43 of fraud-3 (difference -0.03 to +0.02 at 90 %), and recent ones "
        "tell nothing (54 rows from 2026-01-01 00:00 to 2026-01-06 12:30, at least 200 are needed)"
    )
    assert judged(unknown(), NONE)[1] == (
        "held-out rows say nothing, so the gates alone decided: 54 rows from 2026-01-01 00:00 to "
        "2026-01-06 12:30, at least 200 are needed"
    )


def told(candidate: str, value: float, low: float, high: float) -> str:
    """Return a termination message with a comparison on recent rows."""
    body = json.loads(message(candidate, value, champion=0.9))
    body["dataset"]["sha256"] = "b" * 64
    by_age = ByAge(recent=on(low, high), older=NONE, confidence=0.95)
    body["byAge"] = by_age.to_plain()
    return json.dumps(body)


def after_drift(messages: dict[int, str]) -> World:
    """Return a world where a run that drift asked for has ended."""
    world = World()
    run_to_end(world, GOOD)
    action = {"type": "Retrain", "time": "2026-01-01T12:01:00Z", "message": "hour drifted"}
    world.now = later(90)
    watching = monitor(status={"lastAction": action})
    for _ in range(3):
        world.step(monitors=(watching,))
    world.finish_run(messages)
    for _ in range(3):
        world.step(monitors=(watching,))
    return world


def test_what_is_not_better_is_not_shipped_and_told() -> None:
    world = after_drift({0: told("boosted", 0.95, -0.1, 0.1), 1: told("linear", 0.93, -0.1, 0.1)})
    last, champion = world.training.status.last_run, world.training.status.champion
    assert last is not None and (last.number, last.outcome) == (2, "NotBetter")
    assert last.better is False
    assert last.message.startswith("boosted is not shipped: on 412 recent rows")
    assert champion is not None and champion.version == "flights-1"
    assert [e.reason for e in world.told if e.reason == "NotBetter"] == ["NotBetter"]
    plan = plan_training(world.snapshot())
    assert conditions(plan)["LastRunSucceeded"] == ("False", "NotBetter")
    assert conditions(plan)["Ready"][0] == "True"
    asked(world, "retrain/1")  # whoever asks for it gets it
    world.now = later(200)
    run_to_end(world, {0: told("boosted", 0.95, -0.1, 0.1)})
    assert world.training.status.champion.version == "flights-3"  # type: ignore[union-attr]


def test_the_best_of_those_that_are_better_is_shipped() -> None:
    world = after_drift({0: told("boosted", 0.95, -0.1, 0.1), 1: told("linear", 0.93, 0.01, 0.1)})
    last = world.training.status.last_run
    assert last is not None and last.outcome == "Promoted" and last.better is True
    assert [(c.name, c.verdict) for c in last.candidates] == [
        ("boosted", "Passed"),
        ("linear", "Won"),
    ]
    assert "; better: on 412 recent rows" in last.message


def test_a_trainer_that_does_not_compare_by_age_leaves_it_to_the_gates() -> None:
    body = json.loads(told("linear", 0.93, -0.1, 0.1))
    del body["byAge"]
    world = after_drift({1: json.dumps(body)})
    last = world.training.status.last_run
    assert last is not None and last.outcome == "Promoted" and last.better is None


def test_equal_over_all_rows_by_chance_and_better_on_recent_ones_is_something_new() -> None:
    by_age = ByAge(recent=on(0.01, 0.1, 0.5), older=NONE, confidence=0.95)
    spec = TrainingSpec.model_validate(World().training.spec.to_json())
    metric = spec.objective.metric
    same = Comparison(name=metric, value=0.8, champion=0.8, low=0.0, high=0.0)
    found = CandidateResult(candidate="linear", comparisons=[same], by_age=by_age)
    assert judge(a_run("Drift"), spec, found).outcome == "Promoted"
    equal = ByAge(recent=on(0.0, 0.0), older=on(0.0, 0.0), confidence=0.95)
    assert judge(a_run("Drift"), spec, found.replace(by_age=equal)).outcome == "NothingNew"


WRITTEN_ANEW = (
    "flights-1 may have learned from these rows: of 256 rows of its own within the dataset's times "
    "0 are there, as if values or times had been written anew; write them as they were, or Ignore "
    "a column that is never the same"
)


def not_comparable(candidate: str, value: float, by_age: ByAge | None = None) -> str:
    body = json.loads(message(candidate, value))
    body["dataset"]["sha256"] = "b" * 64
    body["championFailure"] = WRITTEN_ANEW
    if by_age is not None:
        body["byAge"] = by_age.to_plain()
    return json.dumps(body)


def test_where_the_champion_cannot_be_measured_nothing_is_shipped_unasked() -> None:
    """Each run after a cooldown would have shipped, better or worse, and said nothing of it."""
    messages = {0: not_comparable("boosted", 0.95), 1: not_comparable("linear", 0.93)}
    world = after_drift(messages)
    last, champion = world.training.status.last_run, world.training.status.champion
    assert last is not None and (last.outcome, last.better) == ("NotBetter", None)
    assert last.message == (
        f"boosted is not shipped: it cannot be held against the champion ({WRITTEN_ANEW}); ask for "
        "a retraining to ship what passes its gates"
    )
    assert champion is not None and champion.version == "flights-1"
    assert [(e.message, e.type) for e in world.told if e.reason == "NotBetter"] == [
        (last.message, "Warning")
    ]
    (told,) = (c for c in world.training.status.conditions if c.type == "LastRunSucceeded")
    assert (told.status, told.reason, told.message) == ("False", "NotBetter", last.message)
    # Whoever asks gets it, and later runs are held against what learned from the rows of today.
    asked(world, "retrain/1")
    world.now = later(200)
    run_to_end(world, messages)
    last, champion = world.training.status.last_run, world.training.status.champion
    assert champion is not None and champion.version == "flights-3"
    assert last is not None and last.outcome == "Promoted"
    assert f"not held against the champion ({WRITTEN_ANEW})" in last.message


def test_where_too_few_rows_are_new_to_the_champion_its_gates_decide() -> None:
    why = "flights-1 has learned from all but 12 of the 40 held-out rows"
    few = OnRows(rows=0, unknown=why)
    world = after_drift({0: not_comparable("boosted", 0.95, ByAge(few, few, 0.95))})
    last = world.training.status.last_run
    assert last is not None and last.outcome == "Promoted"
    assert f"so the gates alone decided: {why}" in last.message
