"""Columns that are hard to count, from the trainer's profile by pods' windows to the whole status.

Whatever comes: the status can be written and read again, and the other columns are judged.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import NOW, conditions, monitor, training
from test_awkward_columns import Draw, always, garbage, words
from test_monitor_decision import LIKE, serving, window

from perennial.api import DriftMonitor
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.monitoring import MonitorSnapshot, plan_monitor, refutable
from perennial_artifact.profile import Profile
from perennial_artifact.sketch import Sketch
from perennial_artifact.usage import Usage
from perennial_artifact.windows import Bucket, Column, Requests, Window
from perennial_training.prove.profile import categorical_profile, numeric_profile

END, SLICES, WIDTH = int(NOW.timestamp()), 24, 150
START = END - SLICES * WIDTH
PODS = 2
Spread = Callable[[int], int]
"""Rows of a slice, by its number."""


def normal(scale: float = 1.0) -> Draw:
    return lambda rng, n: rng.normal(0, 1, n) * scale


def some(share: float, value: float, otherwise: Draw) -> Draw:
    return lambda rng, n: np.where(rng.random(n) < share, value, otherwise(rng, n))


def named(*names: str) -> Draw:
    return lambda rng, n: rng.choice(np.array(names, object), n)


def evenly(n: int) -> int:
    return 50


class Pods:
    """Pods that count ``x``, which is awkward, beside ``calm``, which never changes."""

    def __init__(
        self, learned: Draw, live: Draw, rows: int = 20_000, spread: Spread = evenly
    ) -> None:
        rng = np.random.default_rng(7)
        values = learned(rng, rows)
        self.is_text = values.dtype == object
        described = (categorical_profile if self.is_text else numeric_profile)("x", values)
        calm = numeric_profile("calm", rng.normal(0, 1, rows))
        self.profile = Profile(rows=rows, features=[described, calm])
        self.sketches = [Sketch(self.profile) for _ in range(PODS)]
        for sketch in self.sketches:
            for n in range(SLICES):
                if count := spread(n):
                    self._observe(sketch, live(rng, count), rng.normal(0, 1, count), n)

    def _observe(self, sketch: Sketch, x: Any, calm: Any, n: int) -> None:
        with np.errstate(over="ignore"):
            columns = [calm] if self.is_text else [x, calm]
            numbers = np.column_stack(columns).astype(np.float32)
        sketch.observe(numbers, [x] if self.is_text else [], len(x), START + n * WIDTH + 1)

    def told(self, start: int, end: int) -> Answers:
        names = tuple(f"pod-{n}" for n in range(PODS))
        heard = []
        for name, sketch in zip(names, self.sketches, strict=True):
            rows, features, predictions = sketch.between(start, end, END + 1)
            shown = Window(
                model="m", version="v", since=0.0, clock=float(end), start=start, end=end,
                profile="p", rows=rows, features=features, predictions=predictions,
            )  # fmt: skip
            heard.append(Answer(name, "r1", Window.from_json(shown.to_json())))
        return Answers({"r1": names}, end, tuple(heard))


def judged(pods: Pods, spec: dict[str, Any] | None = None) -> tuple[set[str], Any]:
    """Return what is said of ``x`` and of ``calm``, once slices were asked for where they matter.

    And the status, as the API server gives it back.
    """
    watching = monitor({"interval": "5m", "minimumSamples": 200, **(spec or {})})
    s = MonitorSnapshot(
        watching, NOW, serving(), training(), pods.told(START, END), pods.profile,
        newest=pods.told(END - 6 * WIDTH, END),
    )  # fmt: skip
    plan = plan_monitor(s)
    if refutable(s, plan):
        bounds = range(START, END, WIDTH)
        slices = tuple(pods.told(start, start + WIDTH) for start in bounds)
        plan = plan_monitor(replace(s, slices=slices))
    assert plan.status is not None
    text = json.dumps({**watching.to_json(), "status": plan.status.to_json()}, allow_nan=False)
    assert not DriftMonitor.unreadable(json.loads(text))
    status: Any = DriftMonitor.read(json.loads(text)).status
    drifted = {c.status for c in status.conditions if c.type == "Drifted"}
    said = {f"{b.feature} {b.check}" for b in status.quality}
    said |= {f"{w.feature} drift" for w in status.worst if w.score >= w.need and "True" in drifted}
    return said | {f"Drifted {v}" for v in drifted}, status


QUIET = {"Drifted False"}
CASES: dict[str, tuple[Draw, Draw, set[str]]] = {
    # What was learned, what comes, and what is said of it at least. No infinity is learned: the
    # trainer refuses it.
    "the same": (normal(), normal(), QUIET),
    "infinite for a tenth": (normal(), some(0.1, np.inf, normal()), {"x OutOfRange"}),
    "minus infinity for a tenth": (normal(), some(0.1, -np.inf, normal()), {"x OutOfRange"}),
    "nothing but infinity": (normal(), always(np.inf), {"x drift", "x OutOfRange"}),
    "no number at all": (always(np.nan), always(np.nan), QUIET),
    "numbers where nothing was learned": (always(np.nan), normal(), {"x drift"}),
    "huge": (normal(1e37), normal(1e37), QUIET),
    "huge where small was learned": (normal(), normal(1e37), {"x drift", "x OutOfRange"}),
    "too huge for a single": (normal(1e37), normal(1e300), {"x drift", "x OutOfRange"}),
    "tiny": (normal(1e-40), normal(1e-40), QUIET),
    "tiny where ones were learned": (normal(), normal(1e-40), {"x drift"}),
    "constant": (always(7.0), always(7.0), QUIET),
    "constant zero of both signs": (always(0.0), always(-0.0), QUIET),
    "another constant": (always(7.0), always(9.0), {"x OutOfRange"}),
    "constant where it varied": (normal(), always(0.1), {"x drift", "x Constant"}),
    "one category": (words([1]), words([1]), QUIET),
    "a flood of names": (words([5, 3, 2]), garbage(1.0, words([1])), {"x UnseenCategory"}),
    "a flood of names, as it was learned": (
        garbage(1.0, words([1])), garbage(1.0, words([1])), QUIET,
    ),
    "names in place of a flood": (garbage(1.0, words([1])), words([5, 3, 2]), set()),
    "others as they were learned": (
        garbage(0.3, words([5, 3])), garbage(0.3, words([5, 3])), QUIET,
    ),
    "others grow": (garbage(0.3, words([5, 3])), garbage(0.6, words([5, 3])), {"x drift"}),
    "others go": (garbage(0.3, words([5, 3])), words([5, 3]), {"x drift"}),
    "names like those of our cells": (
        named("others", "missing", "nobody named"),
        named("others", "missing", "nobody named"),
        QUIET,
    ),
    "long and odd names": (
        named("x" * 5_000, "a\0b", "\U0001f600", " ", "a"),
        named("x" * 5_000, "a\0b", "\U0001f600", " ", "a"),
        QUIET,
    ),
    "no name at all": (words([5, 3, 2]), named(""), {"x drift", "x Missing"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_awkward_is_judged_and_nothing_else_is_touched(name: str) -> None:
    learned, live, expected = CASES[name]
    said, status = judged(Pods(learned, live))
    assert said >= expected
    assert expected != QUIET or said == QUIET
    assert not any(each.startswith("calm") for each in said)
    assert [c.status for c in status.conditions if c.type == "Ready"] == ["True"]


@pytest.mark.parametrize("name", CASES)
def test_a_mix_of_it_can_be_told(name: str) -> None:
    learned, live, expected = CASES[name]
    _, status = judged(Pods(learned, live), {"behaviour": {"mix": {"segments": ["x"]}}})
    (mix,) = status.mix
    assert mix.message
    if name == "no number at all":
        assert mix.verdict == "Unknown"
    elif expected == QUIET or "x drift" in expected:
        assert mix.verdict == ("Usual" if expected == QUIET else "Changed")
    else:
        assert mix.verdict != "Unknown"


def test_a_segment_that_is_missing_throughout_has_changed() -> None:
    _, status = judged(
        Pods(words([5, 3, 2]), named("")), {"behaviour": {"mix": {"segments": ["x"]}}}
    )
    (mix,) = status.mix
    assert (mix.moved[0].value, mix.moved[0].share, mix.moved[0].usual) == ("missing", 1.0, 0.0)


@pytest.mark.parametrize(
    "spread",
    [
        lambda n: 400 if n in (3, 17) else 0,
        lambda n: 800 if n == 23 else 0,
        lambda n: 60 if n % 2 else 0,
        lambda n: 900 if n == 5 else 1,
    ],
    ids=["two slices", "the newest one", "every other one", "nearly all in one"],
)
@pytest.mark.parametrize("shifted", [False, True])
def test_slices_without_rows_say_nothing(spread: Spread, shifted: bool) -> None:
    """Where one slice alone has rows, whether they came in bursts cannot be told from slices."""
    pods = Pods(normal(), lambda rng, n: rng.normal(3.0 if shifted else 0.0, 1, n), spread=spread)
    said, _ = judged(pods)
    assert said == QUIET if not shifted else said >= {"x drift", "Drifted True"}


def test_a_column_that_never_varied_is_constant_for_ever() -> None:
    """However much traffic there is beside however few rows of the reference."""
    pods = Pods(words([1]), words([1]), rows=300)
    assert judged(pods, {"alpha": 0.05})[0] == QUIET
    many = window([10**11] * 3)
    snapshot = MonitorSnapshot(
        monitor(), NOW, serving(), training(), Answers({}, 0, (Answer("p", "r1", many),)), PLAIN
    )
    assert conditions(plan_monitor(snapshot))["QualityPassed"][0] == "True"


def plain() -> Profile:
    feature = {"name": "x", "kind": "Numeric", "edges": [1, 2], "counts": [100, 100, 100]}
    colour = {"name": "colour", "kind": "Categorical", "categories": ["red"], "counts": [300]}
    return Profile.from_plain({"rows": 300, "features": [feature, colour]})


PLAIN = plain()


@pytest.mark.parametrize("rows", [900, 30_000, 90_000, 3_000_000])
def test_much_traffic_beside_a_small_reference_hides_no_drift(rows: int) -> None:
    """Of what the reference has and the window lacks, no row is expected of so few."""
    told = Answers({"r1": ("p",)}, END, (Answer("p", "r1", window([rows, 0, 0])),))
    snapshot = MonitorSnapshot(monitor(), NOW, serving(), training(), told, PLAIN)
    assert conditions(plan_monitor(snapshot))["Drifted"] == ("True", "DriftDetected")
    fresh = window([rows // 3] * 3, unseen=rows // 3 * 3)
    told = Answers({"r1": ("p",)}, END, (Answer("p", "r1", fresh),))
    found = plan_monitor(replace(snapshot, answers=told)).status
    assert found is not None
    assert {w.feature for w in found.worst if w.score >= w.need} == {"colour"}  # type: ignore[union-attr]


REQUESTS = Requests([0.1], [Bucket(START, 5, 1, 0, 0, [1, 0])])
OLDER = {
    "that tells no predictions": {"predictions": None},
    "that tells requests nobody asked for": {"requests": REQUESTS},
    "that tells usage": {"usage": Usage(slices=[])},
}


@pytest.mark.parametrize("told", OLDER.values(), ids=OLDER)
@pytest.mark.parametrize("place", [0, 1])
def test_a_pod_of_another_protocol_blinds_nobody(told: dict[str, Any], place: int) -> None:
    windows = [window(LIKE), window(LIKE)]
    windows[place] = windows[place].replace(**told)
    names = ("pod-0", "pod-1")
    heard = tuple(Answer(n, "r1", w) for n, w in zip(names, windows, strict=True))
    snapshot = MonitorSnapshot(
        monitor(), NOW, serving(), training(), Answers({"r1": names}, END, heard), PLAIN
    )
    plan = plan_monitor(snapshot)
    assert conditions(plan)["Drifted"] == ("False", "LikeReference")
    assert plan.status.window.samples == 1_800  # type: ignore[union-attr]


def test_a_pod_that_knows_no_constants_and_no_range_is_added_up_with_the_others() -> None:
    """As one of an older image writes its columns."""
    text = window([0, 900, 0]).to_json().decode()
    plain = json.loads(text)
    plain["features"] = [column[:4] for column in plain["features"]]
    older = Window.from_json(json.dumps(plain))
    assert older.features is not None and older.features[0] == Column([0, 900, 0], 0, 0, 0)
    newer = window([0, 900, 0]).replace(
        features=[Column([0, 900, 0], 0, 0, 0, 1.5), Column([900], 0, 0, 0)]
    )
    heard = (Answer("a", "r1", older), Answer("b", "r1", newer))
    snapshot = MonitorSnapshot(
        monitor(), NOW, serving(), training(), Answers({"r1": ("a", "b")}, END, heard), PLAIN
    )
    assert conditions(plan_monitor(snapshot))["QualityPassed"] == ("True", "WithinLimits")
