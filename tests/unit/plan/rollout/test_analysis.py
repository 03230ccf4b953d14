"""What a canary's answers say of it: looks, pods that come and go, verdicts."""

import json
import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import NOW
from hypothesis import given
from hypothesis import strategies as st

from perennial.api.deployment import Analysis, AnalysisStatus, DeploymentStatus, MetricStatus
from perennial.plan.core.questions import CLOSED_SECONDS, Answer, Answers, chosen
from perennial.plan.rollout.analysis.counts import Counts, added, arms
from perennial.plan.rollout.analysis.look import (
    COARSE,
    EXACT_SECONDS,
    KEPT_SECONDS,
    LOOK_SECONDS,
    PATIENCE_SECONDS,
    SPREAD_SECONDS,
    begins,
    closed,
    look,
    next_look,
)
from perennial.plan.rollout.analysis.writing import may_wait
from perennial_artifact.windows import Bucket, Requests, Window

BOUNDS = [0.05, 0.1, 0.25, 0.5, 1.0]
START = int(NOW.timestamp())


class Pod:
    """A pod that counts what it answers, by second."""

    def __init__(self, name: str, revision: str, bounds: list[float] | None = None) -> None:
        self.name, self.revision = name, revision
        self.bounds = BOUNDS if bounds is None else bounds
        self.since = float(START - 3600)
        self.now = START
        self.buckets: dict[int, Bucket] = {}
        self.skew = 0.0

    def answer(
        self, requests: int, errors: int = 0, refusals: int = 0, seconds: float = 0.01
    ) -> None:
        """Answer requests in the present second."""
        none = Bucket(self.now, 1, 0, 0, 0, [0] * (len(self.bounds) + 1))
        old = self.buckets.get(self.now, none)
        took = list(old.took)
        took[sum(seconds > bound for bound in self.bounds)] += requests
        good = old.answered + requests - errors - refusals
        self.buckets[self.now] = Bucket(
            self.now, 1, good, old.refused + refusals, old.failed + errors, took
        )

    def restart(self) -> None:
        self.buckets, self.since = {}, float(self.now)

    def told(self, start: int, end: int) -> Window:
        found = [b for t, b in sorted(self.buckets.items()) if start <= t < end]
        return Window(
            model="m", version="1", since=self.since, clock=end + 1 + self.skew, start=start,
            end=end, requests=Requests(self.bounds, found),
        )  # fmt: skip


class Trial:
    """A canary beside stable, looked at each two seconds."""

    def __init__(self, **analysis: Any) -> None:
        self.analysis = Analysis.model_validate(analysis)
        self.stable, self.canary = [Pod("s", "old")], [Pod("c", "new")]
        self.silent: set[str] = set()
        self.unready: set[str] = set()
        self.late: dict[str, int] = {}
        self.status: AnalysisStatus | None = None
        self.now = START
        self.stable_has_traffic = True

    def asked(self) -> Answers:
        """Ask all pods for what the next look needs."""
        start = begins(self.analysis, self.status, "old/new", self.now)
        ready = {
            arm[0].revision: tuple(p.name for p in arm if p.name not in self.unready)
            for arm in (self.stable, self.canary)
            if arm
        }
        heard = []
        for pod in (*self.stable, *self.canary):
            window = None
            end = self.now - self.late.get(pod.name, 0)
            if pod.name not in self.silent and end > start:
                window = pod.told(start, end)
            heard.append(Answer(pod.name, pod.revision, window, skew=pod.skew))
        return Answers(ready, self.now, tuple(heard))

    def found(self) -> AnalysisStatus:
        """Return what is known now, and carry nothing on."""
        moment = datetime.fromtimestamp(self.now, UTC)
        pair, traffic = ("old", "new"), self.stable_has_traffic
        return look(self.analysis, self.status, pair, self.asked(), moment, traffic)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds
        for pod in (*self.stable, *self.canary):
            pod.now = self.now

    def look(self, after: int = LOOK_SECONDS) -> dict[str, MetricStatus]:
        """Let time pass, look, and carry on what the API server would give back."""
        self.wait(after)
        found = self.found()
        again = json.loads(json.dumps(found.to_json()))
        self.status = AnalysisStatus.model_validate(again)
        assert self.status == AnalysisStatus.model_validate(found.to_json())
        return {m.name: m for m in self.status.metrics}

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


def begun(**analysis: Any) -> Trial:
    """Return a trial that was looked at once, before any request."""
    trial = Trial(**analysis)
    trial.look()
    return trial


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
    trial.look(after=58)
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
    assert (found["errors"].requests, found["refusals"].requests) == (20, 200)
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
    assert trial.known.silent_time == datetime.fromtimestamp(trial.now, UTC)
    trial.look()
    assert trial.known.silent_time == datetime.fromtimestamp(trial.now - LOOK_SECONDS, UTC)
    trial.silent = {"s"}
    assert {m.verdict for m in trial.look().values()} == {"NotComparable"}
    assert trial.known.silent_time is None
    trial.silent = set()
    assert {m.verdict for m in trial.look().values()} == {"Undecided"}


def test_one_silent_pod_of_many_is_waited_for_then_told_and_counts_when_it_answers() -> None:
    trial = begun(metrics=LIMIT)
    trial.canary.append(Pod("d", "new"))
    trial.wait(0)
    trial.silent = {"d"}
    for seconds in range(LOOK_SECONDS, PATIENCE_SECONDS + 1, LOOK_SECONDS):
        for pod in (*trial.stable, *trial.canary):
            pod.answer(10)
        found = trial.look()
        assert found["errors"].requests == 0 and not trial.known.missing, seconds
    assert trial.known.silent_time is not None
    found = trial.look()
    assert found["errors"].requests == 10 and trial.known.missing == ["d"]  # it goes on without
    trial.silent = set()
    found = trial.look()
    assert found["errors"].requests == 10 + 2 * 4 * 10  # what is not judged yet is there
    assert not trial.known.missing and trial.known.silent_time is None


def test_a_canary_that_fails_by_what_some_pods_told_fails_at_once() -> None:
    trial = begun(metrics=LIMIT)
    trial.canary.append(Pod("d", "new"))
    trial.wait(0)
    trial.silent = {"d"}
    trial.stable[0].answer(50)
    trial.canary[0].answer(50, errors=50)
    assert trial.look()["errors"].verdict == "Failed"


def test_pods_that_are_late_hold_looks_back_no_further_than_they_are() -> None:
    trial = begun(metrics=LIMIT)
    trial.late = {"c": 4}
    for _ in range(5):
        for pod in (*trial.stable, *trial.canary):
            pod.answer(10)
        found = trial.look()
    assert found["errors"].requests == 30 and trial.known.silent_time is None
    assert trial.known.judged_until == datetime.fromtimestamp(trial.now - 4, UTC)


def test_a_pod_that_comes_counts_from_its_first_request_and_one_that_goes_while_it_answers() -> (
    None
):
    trial = begun(metrics=LIMIT)
    new = Pod("d", "new")
    trial.canary.append(new)
    trial.wait(0)
    for pod in (*trial.stable, *trial.canary):
        pod.answer(10)
    assert trial.look()["errors"].requests == 20
    for pod in (*trial.stable, *trial.canary):
        pod.answer(10)
    trial.unready = {"d"}  # it ends, and answers until then
    assert trial.look()["errors"].requests == 40
    trial.silent = {"d"}
    for pod in (*trial.stable, *trial.canary):
        pod.answer(10)
    assert trial.look()["errors"].requests == 50 and not trial.known.missing
    assert trial.known.silent_time is None  # nobody is waited for who is not ready


def test_a_beginning_of_errors_long_ago_is_no_burst() -> None:
    trial, rng = Trial(), random.Random(4)
    trial.stable[0].answer(10_000, errors=5_000)
    trial.wait(60)
    trial.run(60, rng, (0, 0.01), (0, 80))
    found = trial.run(60, rng, (0.1, 0.01))["errors"]
    assert found.verdict == "Failed" and found.requests <= 400


def test_what_stable_was_before_the_canary_is_learned_at_once() -> None:
    """Ten minutes are there to be read, bursts included, however soon the canary has requests."""
    trial, rng = Trial(), random.Random(5)
    for _ in range(200):
        trial.stable[0].answer(80, errors=sum(rng.random() < 0.01 for _ in range(80)))
        trial.wait(2)
    found = trial.look()["errors"]
    assert found.stable[0] == 1_000  # as much as that is worth
    known = trial.run(20, rng, (0.2, 0.01))["errors"]
    assert known.verdict == "Failed" and known.requests <= 80


def test_a_restarted_pod_counts_from_zero() -> None:
    trial = begun(metrics=LIMIT)
    trial.canary[0].answer(100, errors=5)
    trial.wait(2)
    trial.canary[0].restart()
    trial.canary[0].answer(150, errors=1)
    trial.stable[0].answer(10)
    found = trial.look()["errors"]
    assert (found.requests, found.value) == (150, pytest.approx(1 / 150, abs=1e-6))


@pytest.mark.parametrize("skew", [-60.0, 6.0])
def test_a_pod_whose_clock_is_wrong_is_left_out_and_that_is_no_fault_of_the_model(
    skew: float,
) -> None:
    trial = begun(metrics=LIMIT)
    trial.canary[0].skew = skew
    for _ in range(10):
        for pod in (*trial.stable, *trial.canary):
            pod.answer(10, errors=10)
        found = trial.look()["errors"]
    assert found.requests == 0 and found.verdict not in ("Failed", "Successful")
    assert trial.known.skewed == ["c"] and trial.known.silent_time is None
    assert found.message.startswith("errors: the clocks of the canary's pods are wrong")


# Some seconds, and what each pod answers in them.
TRAFFIC = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0, 0.3)), min_size=1, max_size=60
)


@given(TRAFFIC, st.lists(st.booleans(), min_size=60, max_size=60))
def test_whichever_looks_are_written_the_same_is_found(
    traffic: list[Any], written: list[bool]
) -> None:
    """An operator that was killed, or has not written yet, reads the same buckets again."""
    found = []
    for writes in ([True] * 60, written):
        trial, rng = begun(), random.Random(7)
        for (canary, stable, rate), is_written in zip(traffic, writes, strict=False):
            for pod, n in ((trial.canary[0], canary), (trial.stable[0], stable)):
                pod.answer(n, errors=sum(rng.random() < rate for _ in range(n)))
            trial.wait(LOOK_SECONDS)
            if is_written:
                trial.status = trial.found()
        trial.wait(LOOK_SECONDS)
        found.append(trial.found())
    assert found[0] == found[1]


@given(TRAFFIC, st.integers(1, 4))
def test_however_traffic_is_spread_over_pods_the_same_is_found(
    traffic: list[Any], pods: int
) -> None:
    found = []
    for many in (1, pods):
        trial, rng = begun(), random.Random(7)
        trial.canary = [Pod(f"c{n}", "new") for n in range(many)]
        trial.wait(0)
        for number, (canary, stable, rate) in enumerate(traffic):
            for pod, n in ((trial.canary[number % many], canary), (trial.stable[0], stable)):
                pod.answer(n, errors=sum(rng.random() < rate for _ in range(n)))
            trial.look()
        found.append(trial.known)
    assert found[0] == found[1]


def test_an_operator_that_was_long_away_reads_what_the_pods_still_have() -> None:
    trial = begun(metrics=LIMIT)
    written = trial.status
    for _ in range(1_000):
        for pod in (*trial.stable, *trial.canary):
            pod.answer(10)
        trial.wait(2)
    start = begins(trial.analysis, written, "old/new", trial.now)
    assert start % COARSE == 0 and trial.now - start <= KEPT_SECONDS
    assert trial.look()["errors"].requests == 10_000 - 10 * (start - START - 2) / 2
    for _ in range(2_000):
        trial.wait(2)
    assert trial.now - begins(trial.analysis, written, "old/new", trial.now) <= KEPT_SECONDS


def test_what_is_asked_for_begins_where_the_last_look_ended() -> None:
    trial = Trial(metrics=LIMIT)
    assert begins(trial.analysis, None, "old/new", START) == START - EXACT_SECONDS
    trial.run(3, random.Random(1), (0, 0))
    assert begins(trial.analysis, trial.status, "old/new", trial.now + 8) == trial.now
    assert begins(trial.analysis, trial.status, "old/other", trial.now) == trial.now - EXACT_SECONDS
    slow = Analysis.model_validate(
        {"metrics": [*LIMIT, {"name": "s", "refusalRate": {"maximum": 0}}]}
    )
    assert begins(slow, trial.status, "old/new", trial.now) == trial.now - EXACT_SECONDS
    assert closed(datetime.fromtimestamp(START + 2 + CLOSED_SECONDS - 0.1, UTC)) == START
    assert closed(datetime.fromtimestamp(START + 2 + CLOSED_SECONDS + 0.1, UTC)) == START + 2


@given(st.floats(0, 60), st.text(max_size=40))
def test_the_next_look_is_made_as_soon_as_there_is_something_new_and_not_by_all_at_once(
    passed: float, uid: str
) -> None:
    now = NOW + timedelta(seconds=passed)
    wait = timedelta(seconds=next_look(now, uid) + 0.001)
    late = timedelta(seconds=SPREAD_SECONDS)
    assert closed(now + wait) > closed(now + wait - late - timedelta(seconds=0.002))
    assert closed(now + wait) <= closed(now) + 2 * LOOK_SECONDS
    one, other = next_look(NOW, "uid-1"), next_look(NOW, "uid-2")
    assert one != other and abs(one - other) < SPREAD_SECONDS


def test_what_is_measured_is_written_when_it_tells_something_new_or_every_two_minutes() -> None:
    trial = begun()
    before = DeploymentStatus().having(analysis=trial.known)
    trial.run(10, random.Random(1), (0, 0))
    after = DeploymentStatus().having(analysis=trial.known)
    assert before != after and may_wait(before, after)
    assert not may_wait(before, after.having(paused="Asked"))
    assert not may_wait(DeploymentStatus(), after)
    suspected = [m.model_copy(update={"suspected": True}) for m in trial.known.metrics]
    known = trial.known.model_copy(update={"metrics": suspected})
    assert not may_wait(before, DeploymentStatus().having(analysis=known))
    trial.run(50, random.Random(1), (0, 0))
    assert not may_wait(before, DeploymentStatus().having(analysis=trial.known))


COUNTS = st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))


@given(st.lists(COUNTS, min_size=1, max_size=20))
def test_what_is_counted_adds_up_over_steps(seconds: list[Any]) -> None:
    pod, answered = Pod("p", "new"), 0
    for n, errors, refusals in seconds:
        errors = min(n, errors)
        pod.answer(n, errors, min(n - errors, refusals), seconds=0.01 * errors)
        pod.now, answered = pod.now + 1, answered + n
    bounds, (arm,) = arms([pod.told(START, pod.now)])
    steps = arm.steps(START, pod.now, LOOK_SECONDS, [0.25])
    total = Counts()
    for found in steps.values():
        assert 0 <= found.errors <= found.requests and 0 <= found.within[0] <= found.timed
        assert all(b >= 0 for b in found.by_bucket()) and sum(found.by_bucket()) == found.timed
        total = added(total, found)
    assert total.requests == answered and bounds == BOUNDS
    assert total.requests == arm.total(pod.now, [0.25]).requests


def test_pods_of_two_releases_are_compared_at_the_bounds_that_both_have() -> None:
    old, new = Pod("s", "old"), Pod("c", "new", [0.2, 0.25, math.inf])
    for pod in (old, new):
        pod.answer(10, seconds=0.22)
    bounds, (stable, canary) = arms([old.told(START, START + 2)], [new.told(START, START + 2)])
    assert bounds == [0.25]
    assert stable.total(START + 2, [0.25]) == canary.total(START + 2, [0.25])
    assert canary.total(START + 2, [0.2]).timed == 0  # nobody can tell for both


def test_of_a_large_arm_the_same_pods_are_asked_while_they_live() -> None:
    names = [f"pod-{n}" for n in range(300)]
    first = chosen(names)
    assert len(first) == 64 and chosen([*first, "new"])[:5] == first[:5]
    assert set(chosen(names[10:])) >= set(first) - set(names[:10])


@pytest.mark.parametrize("looks", [3, 20, 21, 40, 150])
def test_the_course_of_a_value_is_that_of_the_whole_canary(looks: int) -> None:
    trial = begun(metrics=[{"name": "errors", "errorRate": {"maximum": 1}}])
    values = []
    for n in range(looks):
        trial.canary[0].answer(100, errors=100 if n >= looks // 2 else 0)
        trial.stable[0].answer(100)
        values.append(trial.look()["errors"].value)
    course = trial.known.metrics[0].course
    assert min(looks, 10) <= len(course) <= 20
    assert course[0] == 0 and course[-1] > 0.4
    assert set(course) <= {round(v, 4) for v in values if v is not None}
    half = len(course) // 2
    assert max(course[: half - 1], default=0) == 0, "as long without errors as with them"


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
