"""What a ModelDeployment says of itself: the one place that knows where in its status it stands.

Rollouts of newer operators keep their state below ``status.rollout``, those of older ones beside
it; both are read. What is not known here is handed on, to be shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from perennial.api.deployment import AnalysisStatus, DeploymentStatus, Rollout
from perennial.api.deployment.status import RolloutStatus
from perennial.api.values import Json
from perennial.cli.lenient import (
    at,
    beyond,
    condition,
    count,
    entries,
    first,
    length,
    moment,
    names_of,
    number,
    numbers,
    part,
    text,
    words,
)

STRATEGIES = ("canary", "blueGreen", "shadow")
"""Fields of spec.rollout, those of newer operators, too, of which one says how a trial goes."""
SETTLED = frozenset({"Stable", "Previous", "Failed", "Variant"})
"""Roles of revisions that are not on trial."""
_OF_ROLLOUT = names_of(RolloutStatus)
_KNOWN = names_of(DeploymentStatus) | _OF_ROLLOUT
_KNOWN_OF_ROLLOUT = _OF_ROLLOUT | names_of(AnalysisStatus) | {"strategy", "verdicts"}


@dataclass(frozen=True)
class Revision:
    """A version under one set of settings, and its part in what goes on."""

    revision: str
    version: str
    role: str
    asked: int | None
    """Share of the traffic that is asked for, in percent; None where it has none to have."""
    actual: int | None
    """The share in force, in percent."""
    replicas: int
    ready: int
    started: datetime | None
    hindered: datetime | None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.version or self.revision


NUMBERS = {"logLoss", "rmse", "meanReward"}
"""Kinds of metrics that our own pods count, whose value is no share."""
LABELS = {"accuracy", "recall", "precision", "falsePositiveRate", "logLoss", "rmse"}
REWARDS = {"meanReward"}


@dataclass(frozen=True)
class Step:
    """One step of a rollout."""

    name: str
    weight: int | None
    """Share that it asks for, in percent."""
    pause: float | None
    """How long it waits, in seconds; infinity: for a person."""


@dataclass(frozen=True)
class Metric:
    """What is known of a metric."""

    name: str
    verdict: str
    message: str
    value: float | None
    reference: float | None
    against_stable: bool
    requests: int
    counts: str
    """What else than requests is counted: labels, rewards; empty where it is requests."""
    suspected: bool
    votes: bool
    is_share: bool
    """Its value is a share, rather than a mean, or any number of others."""
    course: tuple[float | None, ...]
    """What the value was, oldest first; empty where an older operator does not tell."""


@dataclass(frozen=True)
class Rejection:
    """A revision that was rolled back."""

    revision: str
    version: str
    reason: str
    message: str
    time: datetime | None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.version or self.revision


@dataclass(frozen=True)
class Arm:
    """A model of an experiment, and what is known of it."""

    name: str
    revision: str
    state: str
    actual: int | None
    """Its share of the traffic, in percent; None where it has none to have."""
    outcomes: int
    mean: float | None
    low: float | None
    high: float | None
    best: float | None
    """How likely it is the best."""
    message: str


@dataclass(frozen=True)
class Deployment:
    """What a ModelDeployment says of itself."""

    revisions: tuple[Revision, ...]
    steps: tuple[Step, ...]
    stands_at: int | None
    """Index of the present step."""
    began: datetime | None
    """When the present step's weight was in force; None while it is not."""
    served: float
    """Seconds that it was in force before that."""
    promoting: bool
    paused: str
    """Why it waits for a person; empty where it does not."""
    metrics: tuple[Metric, ...]
    judged_until: datetime | None
    pair: str
    """What is compared with what."""
    waits_for: str
    missing: tuple[str, ...]
    """Ready pods whose counts are not in it."""
    skewed: tuple[str, ...]
    """Pods whose clocks are wrong."""
    rejected: tuple[Rejection, ...]
    arms: tuple[Arm, ...]
    """The models of an experiment, the last one's too."""
    experiment: str
    """How the experiment stands, in a word; empty where there is none."""
    experiment_says: str
    experiment_is_over: bool
    winner: str
    """The arm that won; empty where none did."""
    address: str
    address_of_trial: str
    """Of what is on trial alone; empty without one."""
    outdated: bool
    """Its pods run an older image than the operator's."""
    unknown: Json
    """What the status has that is not known here."""

    def of(self, role: str) -> Revision | None:
        """Return the revision with a role."""
        return next((r for r in self.revisions if r.role == role), None)

    @property
    def trial(self) -> Revision | None:
        """Return the revision that is on trial, whatever the strategy calls it."""
        return next((r for r in self.revisions if r.role not in SETTLED), None)

    @property
    def undoing(self) -> bool:
        """Tell whether stable is rejected, and serves only until what was before it takes over."""
        stable = self.of("Stable")
        return stable is not None and any(r.revision == stable.revision for r in self.rejected)

    def left(self, now: datetime) -> float | None:
        """Return the seconds that are left of the present pause; None where none is counted."""
        if self.stands_at is None or self.stands_at >= len(self.steps):
            return None
        pause = self.steps[self.stands_at].pause
        if pause is None or pause == float("inf"):
            return None
        passed = (now - self.began).total_seconds() if self.began is not None else 0.0
        return max(0.0, pause - self.served - max(0.0, passed))


def read(body: Json) -> Deployment:
    """Return what a ModelDeployment says of itself."""
    status = part(body, "status")
    steps = _steps(body)
    step = part(status, "rollout.step") or part(status, "step")
    analysis = part(status, "rollout.analysis") or part(status, "analysis")
    told = {**part(status, "rollout"), **analysis}
    unknown = beyond(status, _KNOWN)
    if more := beyond(at(status, "rollout"), _KNOWN_OF_ROLLOUT):
        unknown["rollout"] = more
    running = condition(body, "ExperimentRunning")
    return Deployment(
        revisions=_once([_revision(r) for r in entries(status.get("revisions"))]),
        steps=steps,
        stands_at=_index(step, steps),
        began=moment(step.get("startTime")),
        served=number(step.get("servedSeconds")) or 0.0,
        promoting=bool(first(status, "rollout.promoting", "promoting")),
        paused=text(first(status, "rollout.paused", "paused")),
        metrics=_metrics(body, status, analysis),
        judged_until=moment(told.get("judgedUntil")),
        pair=text(told.get("pair")),
        waits_for=text(told.get("message")),
        missing=tuple(words(told.get("missing"))),
        skewed=tuple(words(told.get("skewed"))),
        rejected=tuple(
            _rejection(r) for r in entries(first(status, "rollout.rejected", "rejected"))
        ),
        arms=tuple(_arm(a) for a in entries(at(status, "experiment.arms"))),
        experiment=running[1] if part(status, "experiment") else "",
        experiment_says=running[2],
        experiment_is_over=bool(at(status, "experiment.result")),
        winner=text(at(status, "experiment.winner")),
        address=text(at(status, "address.url")),
        address_of_trial=text(at(status, "address.canaryUrl")),
        outdated=bool(status.get("servingImageOutdated")),
        unknown=unknown,
    )


def _once(found: list[Revision]) -> tuple[Revision, ...]:
    """Return the revisions without what was replaced, where that is on trial again."""
    others = {r.revision for r in found if r.role != "Previous"}
    return tuple(r for r in found if r.role != "Previous" or r.revision not in others)


def _revision(r: Json) -> Revision:
    asked, actual = number(at(r, "share.asked")), number(at(r, "share.actual"))
    return Revision(
        revision=text(r.get("name")),
        version=text(r.get("version")),
        role=text(r.get("role")),
        asked=None if asked is None else round(asked),
        actual=None if actual is None else round(actual),
        replicas=count(r.get("replicas")),
        ready=count(r.get("readyReplicas")),
        started=moment(r.get("startTime")),
        hindered=moment(r.get("hinderedSince")),
    )


def _steps(body: Json) -> tuple[Step, ...]:
    rollout = part(body, "spec.rollout")
    known = {str(field.alias): name for name, field in Rollout.model_fields.items()}
    strategy = {name: rollout[name] for name in STRATEGIES if rollout.get(name) is not None}
    if strategy.keys() <= known.keys():
        try:
            asked = [step.to_json() for step in Rollout.model_validate(strategy).steps]
            return tuple(_step(n, step) for n, step in enumerate(asked, 1))
        except ValidationError:
            pass  # of a newer operator: as far as it can be read
    asked = entries(at(rollout, "canary.steps"))
    return tuple(_step(n, step) for n, step in enumerate(asked, 1))


def _step(number_of: int, step: Json) -> Step:
    pause = None
    if "pause" in step:
        duration = at(step, "pause.duration")
        pause = float("inf") if duration is None else length(duration)
    weight = number(step.get("setWeight"))
    name = text(step.get("name")) or str(number_of)
    return Step(name, None if weight is None else round(weight), pause)


def _index(step: Json, steps: tuple[Step, ...]) -> int | None:
    """Return where a rollout stands, which older operators tell by number, newer ones by name."""
    if isinstance(index := step.get("index"), int):
        return index
    name = step.get("name")
    return next((n for n, s in enumerate(steps) if s.name == name), None)


def _metrics(body: Json, status: Json, analysis: Json) -> tuple[Metric, ...]:
    asked = {text(m.get("name")): m for m in entries(at(body, "spec.rollout.analysis.metrics"))}
    told = analysis.get("metrics")
    told = first(status, "rollout.verdicts", "rollout.metrics") if told is None else told
    found = []
    for m in entries(told):
        name = text(m.get("name"))
        spec = asked.get(name) or {}
        limits = [v for v in spec.values() if isinstance(v, dict)]
        found.append(
            Metric(
                name=name,
                verdict=text(m.get("verdict")),
                message=text(m.get("message")).removeprefix(f"{name}: "),
                value=number(m.get("value")),
                reference=number(m.get("reference")),
                against_stable=not limits or any("againstStable" in v for v in limits),
                requests=count(m.get("requests")),
                counts="labels" if set(spec) & LABELS else "rewards" if set(spec) & REWARDS else "",
                suspected=bool(m.get("suspected")),
                votes=spec.get("mode") != "Observe",
                is_share=not set(spec) & NUMBERS and not isinstance(m.get("measured"), dict),
                course=numbers(m.get("course")),
            )
        )
    return tuple(found)


def _arm(a: Json) -> Arm:
    actual = number(at(a, "share.actual"))
    return Arm(
        name=text(a.get("name")),
        revision=text(a.get("revision")),
        state=text(a.get("state")),
        actual=None if actual is None else round(actual),
        outcomes=count(a.get("outcomes")),
        mean=number(a.get("mean")),
        low=number(a.get("low")),
        high=number(a.get("high")),
        best=number(a.get("probabilityBest")),
        message=text(a.get("message")),
    )


def _rejection(r: Json) -> Rejection:
    return Rejection(
        revision=text(r.get("name")),
        version=text(r.get("version")),
        reason=text(r.get("reason")),
        message=text(r.get("message")),
        time=moment(r.get("time")),
    )
