"""Serving pods that count what becomes known of predictions: by arrival and age, as real ones."""

import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from builders import NOW, conditions, deployment, monitor

from perennial.api import DriftMonitor
from perennial.api.values import Json
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.monitoring import MonitorSnapshot, outcome_questions, plan_monitor
from perennial_artifact.outcomes import AGES, Errors, Known, Outcomes, Rewards
from perennial_artifact.scores import of_probability
from perennial_artifact.windows import Window

SHA = "a" * 64
PODS = ("pod-0", "pod-1")


def serving(sha: str = SHA, revision: str = "r1", start: datetime | None = None) -> Any:
    stable = {
        "version": "flights-1",
        "artifact": {"uri": "s3://m/", "sha256": sha},
        "revision": revision,
        "readyReplicas": 1,
        "role": "Stable",
        "startTime": start or NOW - timedelta(days=30),
    }
    spec = {"model": {"trainingRef": {"name": "flights"}}}
    return deployment(spec, status={"revisions": [stable]})


def pod(name: str, revision: str = "r1") -> Json:
    return {
        "metadata": {"name": name, "labels": {"perennial.dev/revision": revision}},
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }


@dataclass(frozen=True)
class Row:
    """One prediction, and what becomes known of it."""

    made: float
    byte: int
    label: str | None = None
    known: float = 0.0
    error: float | None = None
    reward: float | None = None
    version: str = SHA[:12]


@dataclass
class FeedbackWorld:
    """A monitor and the pods whose feedback it reads; ``rows`` are made by the tests."""

    spec: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    score: str = "Probability"
    classes: Sequence[str] = ("ok", "fraud")
    now: datetime = NOW
    silent: set[str] = field(default_factory=set)
    deployment: Any = field(default_factory=serving)
    training: Any = None
    counts_outcomes: bool = True
    asked: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._indexed = -1
        self._made: dict[int, list[Row]] = {}
        self._known: dict[int, list[Row]] = {}
        more = {"interval": "5m", "actions": {"retrain": {"cooldown": "60s", "dailyLimit": 2}}}
        self.monitor: DriftMonitor = monitor({**more, "performance": self.spec})

    def _index(self) -> None:
        if self._indexed == len(self.rows):
            return
        self._indexed, self._made, self._known = len(self.rows), {}, {}
        for r in self.rows:
            self._made.setdefault(int(r.made // 60), []).append(r)
            if r.known:
                self._known.setdefault(int(r.known // 60), []).append(r)

    def windows(self, start: int, end: int) -> list[Outcomes]:
        """Return what one pod counted in ``[start, end)``."""
        self._index()
        made, known_then = (
            [r for minute in range(start // 60, end // 60) for r in by.get(minute, ())]
            for by in (self._made, self._known)
        )
        found = []
        for version in sorted({r.version for r in (*made, *known_then)} | {SHA[:12]}):
            given: dict[int, int] = {}
            for r in (r for r in made if r.version == version):
                given[r.byte] = given.get(r.byte, 0) + 1
            ages: dict[int, list[Row]] = {}
            for r in (r for r in known_then if r.version == version):
                place = bisect_left(AGES, r.known - r.made)
                if place < len(AGES):
                    ages.setdefault(AGES[place], []).append(r)
            known = [_known(age, ages[age]) for age in sorted(ages)]
            classes = list(self.classes) if version == self._serving() else []
            found.append(
                Outcomes(
                    version=version, score=self.score, given=given, known=known, classes=classes
                )
            )
        return found

    def _serving(self) -> str:
        stable = self.deployment.status.stable
        return str(stable.artifact.sha256[:12]) if stable is not None else ""

    def look(self, at: float) -> Any:
        """Evaluate at so many seconds since the beginning; the status is carried on."""
        self.now = NOW + timedelta(seconds=at)
        asked = outcome_questions(self.monitor, self.deployment, list(map(pod, PODS)), self.now)
        self.asked += [(start, piece.until) for start, piece in asked]
        pieces = tuple((start, self._answers(start, piece.until)) for start, piece in asked)
        empty = self._answers(0, 0)  # without features: a model without a profile
        snapshot = MonitorSnapshot(
            self.monitor, self.now, self.deployment, self.training, empty, outcomes=pieces
        )
        plan = plan_monitor(snapshot)
        # As the API server gives it back.
        body = {**self.monitor.to_json(), "status": plan.status.to_json()}  # type: ignore[union-attr]
        self.monitor = DriftMonitor.read(body)
        self.plan = plan
        return conditions(plan)["PerformanceKept"]

    def message(self) -> str:
        found = self.monitor.status.conditions
        return next(c.message for c in found if c.type == "PerformanceKept")

    def metric(self, name: str) -> Any:
        assert self.monitor.status.performance is not None
        return next(m for m in self.monitor.status.performance.metrics if m.name == name)

    def _answers(self, start: int, end: int) -> Answers:
        """Return what the pods told: all that is known came to the first of them."""
        heard = []
        for name in PODS:
            if name in self.silent:
                heard.append(Answer(name, "r1", problem="did not answer"))
                continue
            counted = self.windows(start, end) if name == PODS[0] else []
            told = Window(
                model="m",
                version="v",
                since=0.0,
                clock=self.now.timestamp(),
                start=start,
                end=end,
                outcomes=counted if self.counts_outcomes else None,
            )
            heard.append(Answer(name, "r1", told))
        return Answers({"r1": PODS}, end, tuple(heard))


def _known(age: int, rows: list[Row]) -> Known:
    labels: dict[str, dict[int, int]] = {}
    for r in (r for r in rows if r.label is not None):
        counts = labels.setdefault(str(r.label), {})
        counts[r.byte] = counts.get(r.byte, 0) + 1
    errors = [r.error for r in rows if r.error is not None]
    rewards = [r.reward for r in rows if r.reward is not None]
    return Known(
        age=age,
        labels=labels,
        errors=Errors(
            len(errors),
            sum(errors),
            sum(map(abs, errors)),
            sum(e**2 for e in errors),
            sum(e**4 for e in errors),
        )
        if errors
        else None,
        rewards=Rewards(len(rewards), sum(rewards), sum(r * r for r in rewards))
        if rewards
        else None,
    )


HIGH, LOW = of_probability(0.9), of_probability(0.1)


def traffic(
    hours: tuple[int, int],
    each: int,
    fraud: Callable[[int], float],
    caught: Callable[[int], float],
    false: float = 0.02,
    delay: tuple[float, float] = (30.0, 30.0),
    seed: int = 1,
) -> list[Row]:
    """Return so many predictions an hour, with labels.

    Args:
        hours: from and to, since the beginning; negative ones lie before.
        each: predictions an hour.
        fraud: share of the hour.
        caught: share of frauds that are predicted.
        false: share of others that are taken for fraud.
        delay: seconds until the label of a genuine one, and of a fraud, is known.
        seed: of chance.
    """
    chance, rows = random.Random(seed), []
    for hour in range(*hours):
        for n in range(each):
            made = NOW.timestamp() + 3600 * (hour + n / each)
            is_fraud = chance.random() < fraud(hour)
            is_alert = chance.random() < (caught(hour) if is_fraud else false)
            label, late = ("fraud", delay[1]) if is_fraud else ("ok", delay[0])
            rows.append(Row(made, HIGH if is_alert else LOW, label, made + late))
    return rows
