"""From objects to text: golden pages at 80 and 120 columns, and objects that nobody foresaw.

A change of a page that is meant: run with ``PERENNIAL_WRITE_GOLDEN=1`` and read the difference.
"""

import copy
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import PAGES
from rich.cells import cell_len

from effort import examples
from perennial.api import KINDS
from perennial.cli.kinds import kind_of
from perennial.cli.screen import rendered
from perennial.cli.shown import history
from perennial.cli.shown.deployment import deployment
from perennial.cli.shown.lineage import Objects, lineage
from perennial.cli.shown.monitor import monitor
from perennial.cli.shown.overview import overview
from perennial.cli.shown.state import state_of, summary
from perennial.cli.shown.training import training
from perennial.cli.shown.version import version

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_was_looked_at(name: str, width: int) -> None:
    found = rendered(PAGES[name][1](width), width) + "\n"
    path = GOLDEN / f"{name}-{width}.txt"
    if os.environ.get("PERENNIAL_WRITE_GOLDEN"):
        path.write_text(found)
    assert found == path.read_text()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("name", PAGES)
def test_no_line_is_longer_than_the_terminal_is_wide(name: str, width: int) -> None:
    for line in rendered(PAGES[name][1](width), width).splitlines():
        assert cell_len(line) <= width, line


def test_every_golden_page_is_one_of_a_page() -> None:
    known = {f"{name}-{width}.txt" for name in PAGES for width in (80, 120)}
    assert {path.name for path in GOLDEN.iterdir()} == known


def test_models_that_are_compared_are_told_in_a_few_words() -> None:
    assert summary(scenes.experiment()) == "flights-1, beside regression 67 %"


def test_labels_and_rewards_are_not_told_as_requests() -> None:
    page = rendered(deployment(scenes.labelled(), [], scenes.NOW, 120), 120)
    assert " 1,840 labels\n" in page and " 212 rewards\n" in page, page


SCENES = [
    *scenes.everything(),
    scenes.paused(),
    scenes.preview(),
    scenes.labelled(),
    scenes.experiment_over(),
    scenes.baking(),
    scenes.rolled_back(),
    scenes.at_rest(),
    scenes.experiment(),
]


@pytest.mark.parametrize("body", SCENES)
def test_the_objects_of_the_pages_are_such_as_the_operator_writes(body: Any) -> None:
    kind = next(k for k in KINDS if k.kind() == body["kind"])
    assert kind.unreadable(body) is None
    status: Any = kind.model_fields["status"].annotation
    status.model_validate(body["status"], extra="forbid")


def test_what_an_older_operator_says_is_read_where_it_is() -> None:
    old, new = (
        rendered(deployment(body, scenes.PODS, scenes.NOW, 80), 80)
        for body in (scenes.of_an_older_operator(), scenes.deployment())
    )
    assert old == new


def test_what_a_newer_operator_says_is_shown_as_it_is() -> None:
    page = rendered(deployment(scenes.of_a_newer_operator(), [], scenes.NOW, 120), 120)
    assert "· Understudy" in page
    assert 'auction  {"bids": [{"name": "a", "probabilityBest": 0.93}]}' in page
    assert 'rollout  {"moon": {"phase": "full"}}' in page
    # What is only at another place is read from there, and is nothing unknown.
    assert "look-at-it" in page and "Undecided, suspected" in page and "4s ago" in page


@pytest.mark.parametrize(
    "change, words",
    [
        ({"name": "slow", "verdict": "Splendid"}, "Splendid"),
        ({"name": "slow", "verdict": "Unreachable", "message": "slow: no pod answers"}, "no pod"),
    ],
)
def test_a_verdict_that_is_new_is_shown_as_it_is(change: dict[str, str], words: str) -> None:
    body = copy.deepcopy(scenes.deployment())
    body["status"]["rollout"]["analysis"]["metrics"] = [change]
    assert words in rendered(deployment(body, [], scenes.NOW, 80), 80)


@pytest.mark.parametrize(
    "paused, verbs",
    [("CanaryPauseStep", ["promote", "abort"]), ("Requested", ["resume", "promote", "abort"])],
)
def test_what_a_person_can_do_is_told(paused: str, verbs: list[str]) -> None:
    body = scenes.deployment(paused=paused)
    page = rendered(deployment(body, [], scenes.NOW, 80), 80)
    said = [
        line.split("kubectl perennial ")[1] for line in page.splitlines() if "perennial" in line
    ]
    assert said == [f"{verb} flights -n flights" for verb in verbs]


def test_the_steps_of_a_preview_are_one_and_the_switch() -> None:
    page = rendered(deployment(scenes.preview(), scenes.PODS, scenes.NOW, 120), 120)
    (line,) = (line for line in page.splitlines() if line.startswith("STEPS"))
    assert "preview (pause until promoted)" in line and "promotion" in line
    assert "Go on: kubectl perennial promote flights" in page


def test_a_ramp_is_shown_by_its_steps() -> None:
    body = scenes.deployment()
    body["spec"]["rollout"] = {"canary": {"ramp": [10, 50], "every": "2m"}}
    page = rendered(deployment(body, scenes.PODS, scenes.NOW, 120), 120)
    (line,) = (line for line in page.splitlines() if line.startswith("STEPS"))
    assert all(words in line for words in ("10 %", "pause 2m", "50 %"))


def test_pods_that_are_kept_for_their_logs_are_not_missed() -> None:
    body = scenes.rolled_back()
    failed = {**scenes.CANARY, "role": "Failed", "readyReplicas": 0}
    del failed["share"]
    body["status"]["revisions"].append(failed)
    assert "pods ready" not in summary(body)
    failed["share"] = {"asked": 0, "actual": 33}
    assert "2/3 pods ready" in summary(body)


def test_what_was_replaced_and_is_on_trial_again_is_shown_once() -> None:
    body = scenes.deployment()
    body["status"]["revisions"].append({**scenes.CANARY, "role": "Previous"})
    page, usual = (
        rendered(deployment(found, scenes.PODS, scenes.NOW, 120), 120)
        for found in (body, scenes.deployment())
    )
    assert page == usual and "Previous" not in page


def test_what_bakes_is_under_way() -> None:
    found = state_of(scenes.baking())
    assert (found.stage, found.word) == ("UnderWay", "Baking")


def test_an_undo_has_no_steps() -> None:
    rejected = {"name": scenes.FIRST, "reason": "Undone", "message": "", "time": scenes.ago(3)}
    body = scenes.deployment(promoting=True, rejected=[rejected])
    page = rendered(deployment(body, [], scenes.NOW, 80), 80)
    assert "STEPS  none: what served before takes over at once" in page


def test_of_many_pods_those_with_troubles_come_first_and_the_rest_is_counted() -> None:
    pods = [scenes.pod(scenes.FIRST, f"a{n:02d}", 60) for n in range(40)]
    pods.append(scenes.pod(scenes.FIRST, "zzz", 60, ready=False))
    page = rendered(deployment(scenes.at_rest(), pods, scenes.NOW, 100), 100).splitlines()
    named = [line for line in page if "7d9f5b8c4" in line]
    assert len(named) == 6 and "starting" in named[0] and "zzz" in named[0]
    assert any("35 more, all ready" in line for line in page)


def test_the_time_left_of_a_pause_is_counted_from_when_its_share_was_in_force() -> None:
    body = copy.deepcopy(scenes.deployment())
    later = scenes.NOW + timedelta(seconds=3)
    assert "pause 10s, 4s left" in rendered(deployment(body, [], scenes.NOW, 80), 80)
    assert "pause 10s, 1s left" in rendered(deployment(body, [], later, 80), 80)
    body["status"]["rollout"]["step"] = {"index": 1, "hash": "ab", "servedSeconds": 4.0}
    words = "pause 10s, begins once its share is in force"
    assert words in rendered(deployment(body, [], scenes.NOW, 120), 120)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all that is inside of an object."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in inside:
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += places(item, (*path, key))
    return found


def test_a_monitor_tells_how_many_came_and_what_of_them_has_moved() -> None:
    moved = [{"value": "checkout-app", "share": 0.61, "usual": 0.35}]
    body = scenes.monitor(
        behaviour={
            "lastHour": "2026-02-02T09:00:00Z", "requests": 12000, "low": 9100.5, "high": 15800,
            "verdict": "Usual",
        },
        mix=[
            {"kind": "Callers", "verdict": "Changed", "score": 0.28, "need": 0.1, "moved": moved},
            {"kind": "Segments", "name": "country", "verdict": "Unknown"},
        ],
    )  # fmt: skip
    lines = rendered(monitor(body, scenes.NOW), 100).splitlines()
    (volume,) = [line for line in lines if line.startswith("02-02 09:00")]
    assert "12,000" in volume and "Usual" in volume
    (callers,) = [line for line in lines if line.startswith("callers")]
    assert "checkout-app 61% (35%)" in callers and "Changed" in callers
    (country,) = [line for line in lines if line.startswith("country")]
    assert "Unknown" in country


def test_a_monitor_tells_its_performance_and_what_is_not_known_of_it() -> None:
    metrics = [
        {"name": "caught", "value": 0.2, "low": 0.1, "high": 0.31, "rows": 84, "verdict": "Broken"},
        {"name": "alerts", "verdict": "Unknown"},
    ]
    body = scenes.monitor(performance={"metrics": metrics})
    lines = rendered(monitor(body, scenes.NOW), 80).splitlines()
    (title,) = [n for n, line in enumerate(lines) if line.startswith("PERFORMANCE")]
    assert lines[title].split() == ["PERFORMANCE", "VALUE", "TRULY", "ROWS", "VERDICT"]
    assert lines[title + 1].split() == ["caught", "0.2", "0.1", "to", "0.31", "84", "✖", "Broken"]
    assert lines[title + 2].split() == ["alerts", "–", "–", "0", "!", "Unknown"]


def test_a_large_score_that_may_be_chance_is_not_called_drift() -> None:
    """Few rows are far off by luck: the monitor says LikeReference, and so must its table."""
    body = scenes.monitor(
        worst=[
            {"feature": "temp", "score": 0.9, "need": 0.1, "p": 1e-9},
            {"feature": "dewp", "score": 0.3, "need": 0.1, "p": 0.2},
        ]
    )
    body["spec"]["alpha"] = 0.0005

    def verdicts() -> dict[str, str]:
        lines = rendered(monitor(body, scenes.NOW), 100).splitlines()
        start = next(n for n, line in enumerate(lines) if line.startswith("FEATURE"))
        return {x.split()[0]: " ".join(x.split()[5:]) for x in lines[start + 1 : start + 3]}

    assert verdicts() == {"temp": "drifted", "dewp": "may be chance"}
    (drifted,) = [c for c in body["status"]["conditions"] if c["type"] == "Drifted"]
    drifted["status"] = "False"
    assert verdicts() == {"temp": "may be chance", "dewp": "may be chance"}


def test_a_monitor_tells_its_estimate_and_its_notification() -> None:
    estimated = {"metric": "roc_auc", "value": 0.71, "reference": 0.8, "rows": 2_000}
    told = {"id": "x", "time": scenes.ago(90), "tries": 2, "problem": "it answered with status 500"}
    body = scenes.monitor(estimated=estimated, notification=told)
    body["status"]["conditions"].append(scenes.condition("EstimateKept", "False", "EstimateFell"))
    lines = rendered(monitor(body, scenes.NOW), 100).splitlines()
    (found,) = [line.split() for line in lines if line.startswith("roc_auc")]
    assert found == ["roc_auc", "0.71", "0.8", "2,000", "✖", "Fell"]
    (sent,) = [line for line in lines if line.startswith("NOTIFIED")]
    assert sent.endswith("1m30s ago, not taken in 2 tries: it answered with status 500")
    told["delivered"] = True
    lines = rendered(monitor(body, scenes.NOW), 100).splitlines()
    (sent,) = [line for line in lines if line.startswith("NOTIFIED")]
    assert sent.split() == ["NOTIFIED", "1m30s", "ago"]


def test_a_retraining_that_a_rollback_came_after_is_told_too() -> None:
    retraining = scenes.monitor()["status"]["lastAction"]
    rollback = {"type": "Rollback", "time": retraining["time"], "message": "back"}
    body = scenes.monitor(lastAction=rollback, retraining=retraining)
    lines = rendered(monitor(body, scenes.NOW), 80).splitlines()
    assert "LAST ACTION  Rollback, 1m4s ago" in lines
    assert "RETRAINING  Retrain, 1m4s ago, run 2: Promoted" in lines


@settings(max_examples=examples(400), deadline=None)
@given(data=st.data())
def test_whatever_an_object_holds_there_is_a_page(data: st.DataObject) -> None:
    body = copy.deepcopy(data.draw(st.sampled_from(SCENES)))
    kept = {"apiVersion", "kind", "metadata"}
    paths = [p for p in places(body) if p[0] not in kept]
    for path in data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3)):
        place = body
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = data.draw(JSON)
        except (KeyError, IndexError, TypeError):
            continue  # what was there has been taken away
    others = [o for o in scenes.everything() if kind_of(o) != kind_of(body)]
    pages = {
        "ModelDeployment": lambda: deployment(body, scenes.PODS, scenes.NOW, 80),
        "ModelTraining": lambda: training(body, scenes.NOW),
        "ModelVersion": lambda: version(body, scenes.NOW),
        "DriftMonitor": lambda: monitor(body, scenes.NOW),
    }
    histories = {
        "ModelDeployment": lambda: history.of_deployment(body, [], scenes.NOW),
        "ModelTraining": lambda: history.of_training(body, [], scenes.NOW),
        "ModelVersion": lambda: history.of_version(body, [], scenes.NOW),
        "DriftMonitor": lambda: history.of_monitor(body, scenes.NOW),
    }
    for page in (
        pages[body["kind"]](),
        histories[body["kind"]](),
        overview([body, *others], scenes.NOW, True),
        lineage(body, Objects([body, *others])),
    ):
        assert rendered(page, 80)


def test_what_others_measure_is_shown_as_the_number_that_it_is() -> None:
    body = copy.deepcopy(scenes.deployment())
    body["spec"]["rollout"]["analysis"]["metrics"] = [
        {"name": "sales", "web": {"url": "http://shop.flights.svc/", "minimum": 1000}}
    ]
    body["status"]["rollout"]["analysis"]["metrics"] = [
        {"name": "sales", "verdict": "Successful", "message": "sales: 1250 keeps the minimum of "
         "1000", "value": 1250, "reference": 1000, "measured": {"taken": 3, "misses": 1}}
    ]  # fmt: skip
    found = rendered(deployment(body, [], scenes.NOW, 120), 120)
    (line,) = (line for line in found.splitlines() if line.strip().startswith("sales  "))
    assert "1.25e+03" in line and "limit 1e+03" in line and "%" not in line
