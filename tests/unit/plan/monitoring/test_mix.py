"""What requests are made of, as a monitor sees it look by look."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from builders import conditions, monitor
from feedback_world import PODS, pod, serving

from perennial.api import DriftMonitor
from perennial.api.monitor import MixStatus
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.monitoring import (
    MonitorSnapshot,
    plan_monitor,
    questions,
    refutable,
    thinned,
    usual_mixes,
)
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.usage import Caller, Refusal, Slice, Usage
from perennial_artifact.windows import Column, Window

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
BOTH: dict[str, Any] = {"callers": {}, "errors": {}}
Shares = Mapping[str, float]
CALLERS: Shares = {"checkout-app": 0.35, "mobile": 0.45, "batch": 0.15, "": 0.05}
TAKEN: Shares = {"checkout-app": 0.61, "mobile": 0.27, "batch": 0.09, "": 0.03}
ERRORS: Shares = {"Missing": 0.004, "Overload": 0.001}


def column(name: str, kind: str, cells: list[Any], counts: list[int]) -> FeatureProfile:
    told: Any = {"categories": cells} if kind == "Categorical" else {"edges": cells}
    return FeatureProfile(name=name, kind=kind, counts=counts, **told)  # type: ignore[arg-type]


PROFILE = Profile(
    rows=20_000,
    features=[
        column("country", "Categorical", ["de", "fr"], [15_000, 5_000]),
        column("amount", "Numeric", [1.0, 9.0], [5_000, 10_000, 5_000]),
    ],
    predictions=[column("label", "Categorical", ["no", "yes"], [19_000, 1_000])],
)


def drawn(chance: random.Random, shares: Shares, count: int) -> dict[str, int]:
    names = [*shares, "rest"]
    weights = [*shares.values(), max(0.0, 1 - sum(shares.values()))]
    found: dict[str, int] = {}
    for name in chance.choices(names, weights, k=count):
        found[name] = found.get(name, 0) + 1
    return found


class Traffic:
    """A monitor of two pods; what comes is drawn anew for each slice of time."""

    def __init__(self, mix: dict[str, Any] = BOTH, each: int = 60, seed: int = 1, **more: Any):
        self.monitor: DriftMonitor = monitor(
            {"window": "1h", "interval": "15m", "minimumSamples": 500, "behaviour": {"mix": mix},
             "actions": {}, **more}
        )  # fmt: skip
        self.each, self.seed = each, seed
        self.callers: Callable[[int], Shares] = lambda moment: CALLERS
        self.errors: Callable[[int], Shares] = lambda moment: ERRORS
        self.header = "x-caller"
        self.columns: tuple[Column, Column, Column] | None = None
        self.told = True
        self.silent: set[str] = set()
        self.seen: dict[int, Slice] = {}
        self.events: list[str] = []
        self.message = ""

    def look(self, now: datetime) -> Any:
        made = serving()
        asked = questions(self.monitor, "r1", list(map(pod, PODS)), now)
        (first, *_) = asked.questions
        self.parts = first.parts
        answering = [name for name in PODS if name not in self.silent]
        heard = [self._answer(name, first.start, first.end) for name in answering]
        snapshot = MonitorSnapshot(
            self.monitor, now, made, None, asked.answers(heard), PROFILE if self.columns else None
        )
        plan = plan_monitor(snapshot)
        body = {**self.monitor.to_json(), "status": plan.status.to_json()}  # type: ignore[union-attr]
        assert not DriftMonitor.unreadable(body)
        self.monitor = DriftMonitor.read(body)
        self.events += [e.reason for e in plan.events]
        (self.message,) = [
            c.message for c in self.monitor.status.conditions if c.type == "MixUsual"
        ]
        return conditions(plan)["MixUsual"]

    def watch(self, start: datetime, hours: float, each: int = 15) -> list[str]:
        """Look each so many minutes; return the verdicts."""
        steps = range(int(60 * hours / each))
        looks = (start + timedelta(minutes=each * n, seconds=7) for n in steps)
        return [self.look(now)[0] for now in looks]

    def of(self, kind: str) -> MixStatus:
        return next(m for m in self.monitor.status.mix if m.kind == kind)

    def _answer(self, name: str, start: int, end: int) -> Answer:
        # On a grid, so that a slice is the same whenever it is asked for.
        width = 150
        moments = range(start // width * width, end, width)
        usage = Usage(header=self.header, slices=[self._slice(name, m, width) for m in moments])
        return Answer(
            name,
            "r1",
            Window(
                model="m", version="v", since=0.0, clock=float(end), start=start, end=end,
                usage=usage if self.told else None, profile="p" if self.columns else "",
                rows=2_000 if self.columns else 0,
                features=list(self.columns[:2]) if self.columns else None,
                predictions=[self.columns[2]] if self.columns else None,
            ),
        )  # fmt: skip

    def _slice(self, name: str, moment: int, width: int) -> Slice:
        key = moment if name == PODS[0] else -moment
        if key not in self.seen:
            chance = random.Random(f"{self.seed}/{key}")
            callers = drawn(chance, self.callers(moment), self.each)
            failed = drawn(chance, self.errors(moment), self.each)
            self.seen[key] = Slice(
                moment,
                width,
                failed.get("rest", 0),
                [Refusal(c, "age", n) for c, n in failed.items() if c != "rest"],
                [Caller(c, n) for c, n in callers.items() if c != "rest"],
                callers.get("rest", 0),
            )
        return self.seen[key]


def test_the_usual_is_learned_for_a_day_and_a_caller_that_takes_over_is_named() -> None:
    traffic = Traffic()
    assert set(traffic.watch(MONDAY, 24)) == {"Unknown"}
    assert "callers: it is learned what is usual, until 2026-01-06 00:00:07" in traffic.message
    assert set(traffic.watch(MONDAY + timedelta(days=1), 24)) <= {"Unknown", "True"}
    assert traffic.message == "callers, errors are as usual"
    quiet = traffic.of("Callers")
    traffic.callers = lambda moment: TAKEN
    verdicts = traffic.watch(MONDAY + timedelta(days=2), 2)
    assert verdicts[-1] == "False" and traffic.events == ["MixChanged"]
    assert traffic.message.startswith(
        "callers of 3,000 requests: checkout-app 61.4% (35.1% before), "
    )
    assert traffic.of("Errors").verdict == "Usual"
    changed = traffic.of("Callers")
    assert changed.names == quiet.names and changed.changed_since is not None
    assert [m.value for m in changed.moved[:2]] == ["checkout-app", "mobile"]
    traffic.callers = lambda moment: CALLERS
    assert traffic.watch(MONDAY + timedelta(days=2, hours=2), 3)[-1] == "True"
    assert traffic.events == ["MixChanged", "MixUsualAgain"]
    assert traffic.monitor.status.last_action is None


def test_a_new_caller_and_one_that_is_gone_are_named() -> None:
    for name, shares in (
        ("partner", {"checkout-app": 0.3, "mobile": 0.35, "batch": 0.1, "partner": 0.25}),
        ("batch", {"checkout-app": 0.4, "mobile": 0.6}),
    ):
        traffic = Traffic()
        traffic.watch(MONDAY, 26)
        traffic.callers = lambda moment, shares=shares: shares  # type: ignore[misc]
        assert traffic.watch(MONDAY + timedelta(hours=26), 2)[-1] == "False"
        assert f"{name} " in traffic.message, traffic.message


def test_what_runs_at_the_same_hour_each_day_is_usual_then() -> None:
    """A batch at three in the morning; at noon it would be none."""
    nightly = {"batch": 0.9, "mobile": 0.1}

    def callers(moment: int) -> Shares:
        return nightly if moment // 3600 % 24 == 3 else CALLERS

    traffic = Traffic()
    traffic.callers = callers
    assert "False" not in traffic.watch(MONDAY, 24 * 4)
    traffic.callers = lambda moment: nightly
    assert traffic.watch(MONDAY + timedelta(days=4, hours=12), 1.5)[-1] == "False"


def test_causes_of_errors_and_the_input_that_they_are_about_are_named() -> None:
    traffic = Traffic(each=200)
    traffic.watch(MONDAY, 49)
    traffic.errors = lambda moment: {**ERRORS, "WrongType": 0.03}
    assert traffic.watch(MONDAY + timedelta(hours=49), 2)[-1] == "False"
    assert traffic.message.startswith("errors of 10,000 requests: WrongType 2.8% (0")
    assert "% before, mostly age), answered 96.8% (99" in traffic.message


def test_a_change_that_stays_for_a_week_is_learned_anew() -> None:
    traffic = Traffic({"callers": {}}, each=30)
    traffic.watch(MONDAY, 26, 60)
    traffic.callers = lambda moment: TAKEN
    verdicts = traffic.watch(MONDAY + timedelta(hours=26), 24 * 9, 60)
    assert verdicts.count("False") in range(24 * 7 - 2, 24 * 7 + 2)
    assert verdicts[-1] == "True" and traffic.of("Callers").changed_since is None


def test_bursts_of_one_caller_are_no_change() -> None:
    """A hundred alike at a time: as independent ones they would be far off."""

    def callers(moment: int) -> Shares:
        return {random.Random(moment).choice(["mobile", "mobile", "checkout-app"]): 1.0}

    traffic = Traffic({"callers": {}}, each=100)
    traffic.callers = callers
    verdicts = traffic.watch(MONDAY, 24 * 3)
    assert verdicts.count("False") <= 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"told": False}, "the pods' image does not count it"),
        ({"header": ""}, "callers: nobody counts them; set spec.serving.callerHeader"),
        ({"each": 2}, "requests came in the window, 500 are needed"),
    ],
)
def test_what_is_not_known_is_never_usual(change: dict[str, Any], told: str) -> None:
    traffic = Traffic()
    traffic.watch(MONDAY, 30)
    for name, value in change.items():
        setattr(traffic, name, value)
    traffic.seen.clear()
    assert traffic.watch(MONDAY + timedelta(hours=32), 0.25) == ["Unknown"]
    assert told in traffic.message


def test_while_a_pod_is_silent_nothing_is_known_and_nothing_is_learned() -> None:
    """Each client's connection is to one pod: what the others tell is of other clients."""
    traffic = Traffic()
    traffic.watch(MONDAY, 48)
    before = [(m.hours, m.learned_until) for m in traffic.monitor.status.mix]
    traffic.silent = {PODS[1]}
    assert set(traffic.watch(MONDAY + timedelta(hours=48), 6)) == {"Unknown"}
    assert "callers: 1 of 2 ready pods did not answer" in traffic.message
    assert [(m.hours, m.learned_until) for m in traffic.monitor.status.mix] == before
    traffic.silent = set()
    assert traffic.watch(MONDAY + timedelta(hours=54), 0.25) == ["True"]


@pytest.mark.parametrize("often", [1.2, 110.0, 119.0, 20_000.0])
@pytest.mark.parametrize(("window", "days"), [(60, 1), (3_600, 7)])
def test_what_does_not_come_any_more_fades_however_often_it_came(
    often: float, window: int, days: int
) -> None:
    """A week halves it, in whatever steps; rounding kept 110 for ever."""
    end = int(MONDAY.timestamp())
    known = MixStatus(kind="Callers", names=["app"], hours=[often, 0.0] * 24, learned_until=MONDAY)
    for _ in range(days * 24 * 3_600 // window):
        seen = usual_mixes.Window(end, end + window, ())
        end += window
        known = usual_mixes.learned(known, seen, datetime.fromtimestamp(end, UTC))
    assert known.hours[0] == pytest.approx(often * 0.5 ** (days / 7), rel=0.01)


def test_segments_and_predictions_are_held_against_the_profile() -> None:
    mix = {"segments": ["country", "amount"], "predictions": {}}
    traffic = Traffic(mix)
    like = Column([1_500, 500], 0, 0, 0), Column([500, 1_000, 500], 0, 0, 0)
    traffic.columns = (*like, Column([1_900, 100], 0, 0, 0))
    assert traffic.watch(MONDAY, 0.5) == ["True", "True"]
    assert traffic.parts == ("features", "predictions", "usage")
    traffic.columns = (Column([700, 1_000], 300, 0, 0), like[1], Column([1_500, 500], 0, 0, 0))
    assert traffic.watch(MONDAY + timedelta(hours=1), 0.25) == ["False"]
    assert "country of 4,000 rows: de 35% (75% before), fr 50% (25% before)" in traffic.message
    assert "predictions of 4,000 rows: yes 25% (5% before)" in traffic.message
    names = [(m.kind, m.name, m.verdict) for m in traffic.monitor.status.mix]
    assert names == [
        ("Segments", "country", "Changed"),
        ("Segments", "amount", "Usual"),
        ("Predictions", "", "Changed"),
    ]


def rows_of(start: int, end: int, german: int, french: int) -> Answer:
    shown = Window(
        model="m", version="v", since=0.0, clock=float(end), start=start, end=end, profile="p",
        rows=german + french,
        features=[Column([german, french], 0, 0, 0), Column([german + french, 0, 0], 0, 0, 0)],
        predictions=[Column([german + french, 0], 0, 0, 0)],
    )  # fmt: skip
    return Answer("pod-0", "r1", shown)


def test_segments_that_come_in_bursts_are_refuted_by_slices() -> None:
    """Of 24 slices 14 are all German, ten all French: 58 % of what are usually 75 %."""
    spec = {"window": "1h", "interval": "5m", "behaviour": {"mix": {"segments": ["country"]}}}
    quiet = {"tests": [{"name": "high", "threshold": 100}], "quality": {"constant": "Disabled"}}
    watching, end = monitor({**spec, **quiet}), int(MONDAY.timestamp())
    whole = Answers({"r1": ("pod-0",)}, end, (rows_of(end - 3_600, end, 1_400, 1_000),))
    slices = [(100, 0) if n % 12 < 7 else (0, 100) for n in range(24)]
    bounds = range(end - 3_600, end + 1, 150)
    told = tuple(
        Answers({"r1": ("pod-0",)}, b, (rows_of(a, b, *rows),))
        for (a, b), rows in zip(pairwise(bounds), slices, strict=True)
    )
    first = MonitorSnapshot(watching, MONDAY, serving(), None, whole, PROFILE)
    plan = plan_monitor(first)
    assert conditions(plan)["MixUsual"] == ("False", "MixChanged")
    assert conditions(plan)["Drifted"][0] == "False"
    thin = thinned(PROFILE, refutable(first, plan))
    small = tuple(
        replace(each, received=tuple(replace(a, window=thin(a.window)) for a in each.received))
        for each in told
    )
    asked = plan_monitor(replace(first, slices=small))
    assert conditions(asked)["MixUsual"] == ("True", "AsUsual")
    half = tuple(replace(each, received=()) if n % 2 else each for n, each in enumerate(small))
    some = plan_monitor(replace(first, slices=half))
    assert conditions(some)["MixUsual"] == ("True", "AsUsual")
    assert some.status.mix[0].requests == 1_200  # type: ignore[union-attr]
    silent = tuple(replace(each, received=()) for each in told)
    unknown = plan_monitor(replace(first, slices=silent))
    assert conditions(unknown)["MixUsual"] == ("Unknown", "TooLittleKnown")


def test_a_segment_that_is_no_feature_is_named() -> None:
    traffic = Traffic({"segments": ["region"]})
    traffic.columns = (Column([1, 1], 0, 0, 0), Column([1, 1, 0], 0, 0, 0), Column([1, 1], 0, 0, 0))
    traffic.look(MONDAY)
    stalled = next(c for c in traffic.monitor.status.conditions if c.type == "Stalled")
    assert (stalled.status, stalled.reason) == ("True", "InvalidSpec")


def test_what_the_status_keeps_is_bounded_however_many_callers_there_are() -> None:
    traffic = Traffic({"callers": {}}, each=100)
    traffic.callers = lambda moment: {f"{moment}-{n}": 1 / 100 for n in range(100)}
    traffic.watch(MONDAY, 2)
    known = traffic.of("Callers")
    assert len(known.names) == 16 and len(known.hours) == 24 * 17


def test_a_monitor_without_a_mix_says_nothing_of_it() -> None:
    traffic = Traffic()
    traffic.watch(MONDAY, 2)
    body = {**traffic.monitor.to_json(), "spec": monitor().to_json()["spec"]}
    traffic.monitor = DriftMonitor.read(body)
    made = serving()
    asked = questions(traffic.monitor, "r1", list(map(pod, PODS)), MONDAY)
    assert "usage" in asked.questions[0].parts  # for quality.refused
    plan = plan_monitor(MonitorSnapshot(traffic.monitor, MONDAY, made, None, Answers({}, 0, ())))
    assert "MixUsual" not in conditions(plan) and plan.status.mix == []  # type: ignore[union-attr]


def test_of_a_slice_only_that_is_kept_which_it_may_refute() -> None:
    thin = thinned(PROFILE, {"country"})
    small, again = thin(rows_of(0, 1, 7, 5).window), thin(rows_of(0, 1, 1, 1).window)
    assert small is not None and small.features is not None and small.rows == 12
    assert small.features[0].counts == [7, 5]
    assert again is not None and again.features is not None
    assert small.features[1] is again.features[1]  # one for all: it takes no room
    other = rows_of(0, 1, 7, 5).window
    assert other is not None and thin(other.replace(predictions=[])) is None


def test_shares_of_a_few_requests_say_nothing() -> None:
    traffic = Traffic({"callers": {}, "learn": "1h"}, each=1, minimumSamples=10, window="30m")
    traffic.watch(MONDAY, 3)
    traffic.callers = lambda moment: TAKEN
    assert traffic.look(MONDAY + timedelta(hours=3))[0] == "Unknown"
    assert "50 of both are needed" in traffic.message
