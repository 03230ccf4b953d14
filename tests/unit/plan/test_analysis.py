"""What a canary's counters say of it: looks, pods that come and go, verdicts."""

import json
import math
import random
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from builders import later
from hypothesis import given
from hypothesis import strategies as st

from perennial.api.deployment import Analysis, AnalysisStatus, MetricStatus
from perennial.plan.analysis.counters import (
    Answers,
    Counts,
    PodMetrics,
    chosen,
    recorded,
    since,
    since_start,
)
from perennial.plan.analysis.look import LOOK_SECONDS, is_due, look

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, math.inf)


@dataclass
class Pod:
    """A pod that counts what it answers."""

    name: str
    revision: str
    start: float = 1.0
    requests: float = 0
    errors: float = 0
    refusals: float = 0
    buckets: dict[float, float] = field(default_factory=lambda: dict.fromkeys(BOUNDS, 0.0))

    def answer(
        self, requests: float, errors: float = 0, refusals: float = 0, seconds: float = 0.01
    ) -> None:
        self.requests += requests
        self.errors += errors
        self.refusals += refusals
        for bound in BOUNDS:
            self.buckets[bound] += requests * (seconds <= bound)

    def restart(self) -> None:
        self.__init__(self.name, self.revision, self.start + 1)  # type: ignore[misc]

    @property
    def counted(self) -> PodMetrics:
        own = self.requests, self.errors, dict(self.buckets), self.refusals, self.start
        return PodMetrics(self.name, self.revision, *own)


class Trial:
    """A canary beside stable, looked at each two seconds."""

    def __init__(self, **analysis: Any) -> None:
        self.analysis = Analysis.model_validate(analysis)
        self.stable, self.canary = [Pod("s", "old")], [Pod("c", "new")]
        self.silent: set[str] = set()
        self.status: AnalysisStatus | None = None
        self.seconds = 0.0
        self.stable_has_traffic = True

    def look(self, after: float = LOOK_SECONDS) -> dict[str, MetricStatus]:
        """Let time pass, look, and carry on what the API server would give back."""
        self.seconds += after
        pods = [*self.stable, *self.canary]
        asked = {arm[0].revision: tuple(p.name for p in arm) for arm in self.arms if arm}
        answers = Answers(asked, tuple(p.counted for p in pods if p.name not in self.silent))
        found = look(
            self.analysis,
            self.status,
            ("old", "new"),
            answers,
            later(self.seconds),
            self.stable_has_traffic,
        )
        again = json.loads(json.dumps(found.to_json()))
        self.status = AnalysisStatus.model_validate(again)
        assert self.status == AnalysisStatus.model_validate(found.to_json())
        return {m.name: m for m in self.status.metrics}

    @property
    def arms(self) -> tuple[list[Pod], list[Pod]]:
        return self.stable, self.canary

    def run(
        self,
        looks: int,
        rng: random.Random,
        rates: tuple[float, float],
        requests: tuple[int, int] = (20, 80),
    ) -> dict[str, MetricStatus]:
        """Look until a metric fails, while the canary and stable have errors at their rates."""
        found: dict[str, MetricStatus] = {}
        for _ in range(looks):
            for arm, rate, n in zip((self.canary, self.stable), rates, requests, strict=True):
                arm[0].answer(n, sum(rng.random() < rate for _ in range(n)))
            found = self.look()
            if any(m.verdict == "Failed" for m in found.values()):
                break
        return found

    @property
    def known(self) -> AnalysisStatus:
        assert self.status is not None
        return self.status


LIMIT = [{"name": "errors", "errorRate": {"maximum": 0.01}}]


@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_canary_at_half_the_limit_lasts_half_an_hour(seed: int) -> None:
    """Ten requests a second; the rule before rolled back all of these."""
    trial = Trial(metrics=LIMIT)
    found = trial.run(900, random.Random(seed), (0.005, 0.005), (20, 20))
    assert found["errors"].requests >= 17_900
    assert found["errors"].verdict in ("Successful", "Undecided")


@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_canary_beside_stable_lasts_half_an_hour(seed: int) -> None:
    found = Trial().run(900, random.Random(seed), (0.01, 0.01), (20, 20))
    assert all(m.verdict in ("Successful", "Undecided") for m in found.values())


@pytest.mark.parametrize("analysis", [{}, {"metrics": LIMIT}])
def test_a_canary_at_three_percent_beside_one_is_found(analysis: Any) -> None:
    needed = []
    for seed in range(9):
        trial, rng = Trial(**analysis), random.Random(seed)
        trial.run(30, rng, (0, 0.01), (0, 80))  # while the canary starts
        found = trial.run(400, rng, (0.03, 0.01))["errors"]
        assert found.verdict == "Failed"
        needed.append(found.requests)
    assert sorted(needed)[4] <= 800


def test_a_fifth_of_errors_is_found_within_seconds() -> None:
    trial, rng = Trial(), random.Random(1)
    trial.run(30, rng, (0, 0.01), (0, 80))
    found = trial.run(20, rng, (0.2, 0.01))["errors"]
    assert found.verdict == "Failed" and found.requests <= 100
    assert "the canary is worse" in found.message and found.value is not None


def test_a_canary_that_refuses_everything_fails() -> None:
    trial = Trial()
    for _ in range(12):
        trial.stable[0].answer(80)
        trial.canary[0].answer(20, refusals=20)
        found = trial.look()
    assert (found["refusals"].verdict, found["errors"].verdict) == ("Failed", "Undecided")
    assert "100% of the canary's" in found["refusals"].message


def latency(maximum: str = "300ms", seconds: float = 0.27, looks: int = 120) -> MetricStatus:
    trial = Trial(metrics=[{"name": "slow", "latency": {"quantile": 0.99, "maximum": maximum}}])
    for _ in range(looks):
        trial.stable[0].answer(80, seconds=seconds)
        trial.canary[0].answer(20, seconds=seconds)
        found = trial.look()
    return found["slow"]


def test_a_p99_of_270_ms_under_a_limit_of_300_is_not_failed() -> None:
    found = latency()
    assert found.verdict == "Undecided" and not found.suspected
    assert "a limit of 250 ms or 500 ms can be decided" in found.message


@pytest.mark.parametrize(
    ("maximum", "seconds", "verdict"),
    [
        ("250ms", 0.27, "Failed"),
        ("500ms", 0.27, "Successful"),
        ("300ms", 0.2, "Successful"),
        ("300ms", 0.6, "Failed"),
        ("10s", 5, "Failed"),  # beyond the last bound is above every limit
        ("10s", 0.9, "Successful"),
    ],
)
def test_a_limit_of_latency(maximum: str, seconds: float, verdict: str) -> None:
    assert latency(maximum, seconds).verdict == verdict


def test_latency_beside_stable() -> None:
    trial = Trial(metrics=[{"name": "slow", "latency": {"againstStable": {}}}])
    rng = random.Random(2)
    for number in range(120):
        for pod, times in ((trial.stable[0], 1.0), (trial.canary[0], 2.0)):
            for _ in range(20):
                pod.answer(1, seconds=times * rng.expovariate(1 / 0.08))
        found = trial.look()["slow"]
        if number == 0:
            assert found.bounds == []  # quantiles of so few are not known
    assert found.verdict == "Failed" and "took longer than" in found.message


def test_a_look_waits_until_both_arms_have_a_request_but_not_for_ever() -> None:
    trial = Trial()
    trial.look()
    trial.stable[0].answer(1)
    trial.look()
    assert trial.known.looks == 1  # stable is learned before the canary has traffic
    trial.canary[0].answer(1)
    trial.look()
    assert trial.known.looks == 1
    trial.stable[0].answer(1)
    trial.look()
    assert trial.known.looks == 2
    trial.canary[0].answer(1, errors=1)
    trial.look(after=59)
    assert trial.known.looks == 2
    trial.look(after=2)
    assert trial.known.looks == 3
    assert trial.known.metrics[0].requests == 1  # alone it is no evidence


def test_where_stable_has_no_traffic_a_look_does_not_wait_for_it() -> None:
    trial = Trial(metrics=LIMIT)
    trial.stable_has_traffic = False
    for _ in range(30):
        trial.canary[0].answer(5, errors=5)
        found = trial.look()
    assert found["errors"].verdict == "Failed" and trial.known.looks == 29


def test_warming_up_does_not_count_and_stable_is_learned_meanwhile() -> None:
    trial = Trial(metrics=[{**LIMIT[0], "warmUp": "20s"}])
    for _ in range(11):
        trial.stable[0].answer(80)
        trial.canary[0].answer(20, errors=20)
        found = trial.look()
    assert found["errors"].requests == 0 and found["errors"].stable[0] > 0
    for _ in range(20):
        trial.stable[0].answer(80)
        trial.canary[0].answer(20)
        found = trial.look()
    assert found["errors"].requests == 400 and found["errors"].value == 0


def test_an_observed_metric_costs_the_others_no_alpha() -> None:
    seen = {"name": "seen", "refusalRate": {"maximum": 0.1}, "mode": "Observe"}
    trial = Trial(metrics=[*LIMIT, seen])
    assert {m.alpha for m in trial.look().values()} == {0.01}


def test_a_metric_that_asks_something_else_begins_anew_and_the_others_go_on() -> None:
    refusals = {"name": "refusals", "refusalRate": {"maximum": 0.1}}
    trial = Trial(metrics=[*LIMIT, refusals])
    trial.run(10, random.Random(3), (0, 0))
    changed = {"metrics": [{"name": "errors", "errorRate": {"maximum": 0.02}}, refusals]}
    trial.analysis = Analysis.model_validate(changed)
    found = trial.run(1, random.Random(3), (0, 0))
    assert (found["errors"].requests, found["refusals"].requests) == (0, 200)
    trial.analysis = Analysis.model_validate({"metrics": [{**refusals, "mode": "Observe"}]})
    assert list(trial.run(1, random.Random(3), (0, 0))) == ["refusals"]
    assert trial.known.metrics[0].requests == 220


def test_another_pair_begins_anew() -> None:
    trial = Trial()
    trial.run(5, random.Random(1), (0.5, 0))
    assert trial.known.metrics[0].requests
    trial.status = trial.known.model_copy(update={"pair": "older/new"})
    assert trial.look()["errors"].requests == 0


@pytest.mark.parametrize(
    "spoiled", [{"canary": [1.0]}, {"stable": []}, {"key": "other"}, {"bounds": [0.1]}]
)
def test_evidence_that_makes_no_sense_begins_anew(spoiled: dict[str, Any]) -> None:
    slow = {"name": "slow", "latency": {"againstStable": {}}}
    trial = Trial() if "bounds" not in spoiled else Trial(metrics=[*LIMIT, slow])
    trial.run(5, random.Random(1), (0, 0))
    before = [m.model_copy(update=spoiled) for m in trial.known.metrics]
    trial.status = trial.known.model_copy(update={"metrics": before})
    found = list(trial.look().values())
    assert found[-1].requests == 0
    found = list(trial.run(5, random.Random(1), (0, 0)).values())
    assert 80 <= found[-1].requests <= 100


def test_a_canary_that_does_not_answer_is_unreachable_and_stable_not_comparable() -> None:
    trial = Trial()
    trial.run(3, random.Random(1), (0, 0))
    trial.silent = {"c"}
    assert {m.verdict for m in trial.look().values()} == {"Unreachable"}
    assert trial.known.silent_time == later(trial.seconds)
    trial.look()
    assert trial.known.silent_time == later(trial.seconds - LOOK_SECONDS)
    trial.silent = {"s"}
    assert {m.verdict for m in trial.look().values()} == {"NotComparable"}
    assert trial.known.silent_time is None
    trial.silent = set()
    assert {m.verdict for m in trial.look().values()} == {"Undecided"}


def test_one_silent_pod_of_many_is_noticed_and_what_it_counts_is_not_lost() -> None:
    trial = Trial(metrics=LIMIT)
    trial.canary.append(Pod("d", "new"))
    trial.look()
    trial.silent = {"d"}
    for _ in range(3):
        for pod in (*trial.stable, *trial.canary):
            pod.answer(10)
        found = trial.look()
    assert found["errors"].requests == 30 and trial.known.silent_time is not None
    trial.silent = set()
    assert trial.look(after=2)["errors"].requests == 30
    trial.stable[0].answer(1)
    assert trial.look()["errors"].requests == 60


def test_pods_that_come_count_from_when_they_are_seen_and_those_that_go_no_more() -> None:
    trial = Trial(metrics=LIMIT)
    trial.look()
    trial.canary.append(Pod("d", "new", requests=500, errors=500))
    trial.look()
    assert len(trial.known.canary) == 2 and trial.known.metrics[0].requests == 0
    for pod in (*trial.stable, *trial.canary):
        pod.answer(10)
    assert trial.look()["errors"].requests == 20
    trial.canary.pop()
    trial.look()
    for pod in (*trial.stable, *trial.canary):
        pod.answer(10)
    assert trial.look()["errors"].requests == 30


def test_a_pod_that_is_not_ready_for_a_while_loses_nothing() -> None:
    trial = Trial(metrics=LIMIT)
    trial.look()
    (pod,), trial.canary = trial.canary, []
    pod.answer(10, errors=10)
    trial.look()
    assert trial.known.silent_time is None  # nobody asked it
    trial.canary = [pod]
    trial.stable[0].answer(10)
    assert trial.look()["errors"].value == 1


def test_a_beginning_of_errors_long_ago_is_no_burst() -> None:
    trial, rng = Trial(), random.Random(4)
    trial.stable[0].answer(10_000, errors=5_000)
    trial.run(60, rng, (0, 0.01), (0, 80))
    found = trial.run(60, rng, (0.1, 0.01))["errors"]
    assert found.verdict == "Failed" and found.requests <= 400


def test_a_restarted_pod_counts_from_zero() -> None:
    trial = Trial(metrics=LIMIT)
    trial.canary[0].answer(100, errors=5)
    trial.look()
    trial.canary[0].restart()
    trial.canary[0].answer(150, errors=1)
    trial.stable[0].answer(10)
    found = trial.look()["errors"]
    assert (found.requests, found.value) == (150, pytest.approx(1 / 150, abs=1e-6))


COUNTS = st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))


@given(st.lists(st.tuples(COUNTS, st.booleans()), min_size=1, max_size=20))
def test_what_is_counted_is_never_negative_and_adds_up(looks: list[Any]) -> None:
    """Restarts are told by the start alone, so that every request is counted once."""
    pod, before = Pod("p", "new"), recorded([Pod("p", "new").counted], [0.25])
    total, answered = Counts(), 0
    for (n, errors, refusals), restarts in looks:
        if restarts:
            pod.restart()
        errors = min(n, errors)
        pod.answer(n, errors, min(n - errors, refusals), seconds=0.01 * errors)
        found = since([pod.counted], before, [0.25])
        before = recorded([pod.counted], [0.25])
        assert 0 <= found.errors <= found.requests and 0 <= found.within[0] <= found.timed
        assert all(b >= 0 for b in found.by_bucket()) and sum(found.by_bucket()) == found.timed
        total, answered = replace(total, requests=total.requests + found.requests), answered + n
    assert total.requests == answered


def test_a_pod_that_counts_at_other_bounds_is_not_timed() -> None:
    other = PodMetrics("p", "new", 10, 0, {0.2: 10, math.inf: 10})
    assert since_start([other], [0.25]).timed == 0


def test_of_a_large_arm_the_same_pods_are_asked_while_they_live() -> None:
    names = [f"pod-{n}" for n in range(300)]
    first = chosen(names)
    assert len(first) == 64 and chosen([*first, "new"])[:5] == first[:5]
    assert set(chosen(names[10:])) >= set(first) - set(names[:10])


def test_what_is_carried_on_is_bounded() -> None:
    several = [{"name": f"m{n}", "latency": {"againstStable": {}}} for n in range(16)]
    trial = Trial(metrics=several)
    trial.stable = [Pod(f"s{n}", "old") for n in range(64)]
    trial.canary = [Pod(f"c{n}", "new") for n in range(64)]
    rng = random.Random(1)
    for _ in range(25):
        for pod in (*trial.stable, *trial.canary):
            pod.answer(rng.randrange(10**9), seconds=rng.random())
        trial.look()
    assert len(json.dumps(trial.known.to_json())) < 48 * 1024


def test_when_the_pods_are_to_be_asked_again() -> None:
    trial = Trial()
    assert is_due(None, "old/new", later(0))
    trial.look()
    assert is_due(trial.known, "old/new", later(trial.seconds + 1))  # stable is learned
    assert not is_due(trial.known, "old/new", later(trial.seconds + 1), has_share=True)
    assert is_due(trial.known, "old/new", later(trial.seconds + 2), has_share=True)
    assert is_due(trial.known, "old/other", later(trial.seconds))
    trial.run(25, random.Random(1), (0, 0), (0, 10))
    # Stable is known, and the canary has no traffic yet.
    assert not is_due(trial.known, "old/new", later(trial.seconds + 20))
    assert is_due(trial.known, "old/new", later(trial.seconds + 2), has_share=True)
    trial.run(1, random.Random(1), (0, 0))
    assert is_due(trial.known, "old/new", later(trial.seconds + 2))
