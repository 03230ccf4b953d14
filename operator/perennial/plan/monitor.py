"""DriftMonitor: the verdict on live traffic, and what is done about it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from perennial.api.common import Condition
from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import (
    DriftMonitor,
    Evaluation,
    FeatureScore,
    LastAction,
    MonitorStatus,
    QualityBreach,
    ReferenceStatus,
    WindowStatus,
)
from perennial.api.training import ModelTraining
from perennial.api.values import Json, seconds
from perennial.plan.core import Event, Plan, condition, settle, with_stall
from perennial.plan.drift import features, known, settings, to_record, usual
from perennial.plan.statistics.drift import DriftReport, FeatureDrift, judge_drift, learned
from perennial.plan.statistics.numbers import in_percent
from perennial.plan.windows import CLOSED_SECONDS, Answers, Asked, ask
from perennial_artifact.profile import Profile
from perennial_artifact.windows import Window, merge

WORST_KEPT = 10
HISTORY_KEPT = 20
FRUITLESS_LIMIT = 2
DAY = timedelta(hours=24)
STEP = 5
"""Seconds of the buckets that pods count features in, for an hour."""
HOUR, MINUTE = 3_600, 60


@dataclass(frozen=True)
class MonitorSnapshot:
    """All that a decision about a DriftMonitor depends on."""

    monitor: DriftMonitor
    now: datetime
    deployment: ModelDeployment | None = None
    training: ModelTraining | None = None
    answers: Answers | None = None
    """What the serving pods answered; None where they were not asked in this pass."""
    profile: Profile | None = None
    """What the pods count on, None where they told none."""

    @property
    def windows(self) -> list[Window]:
        """Return what the pods counted of features and predictions."""
        found = [h.window for h in self.answers.heard] if self.answers is not None else []
        return [w for w in found if w is not None and w.features is not None]

    @property
    def asked(self) -> int:
        """Return how many ready pods were asked."""
        return sum(map(len, self.answers.asked.values())) if self.answers is not None else 0

    @property
    def answered(self) -> int:
        """Return how many of them gave a window."""
        if self.answers is None:
            return 0
        ready = {name for names in self.answers.asked.values() for name in names}
        gave = {h.pod for h in self.answers.heard if h.window is not None and h.window.features}
        return len(ready & gave)


def wants_windows(monitor: DriftMonitor, deployment: ModelDeployment, now: datetime) -> bool:
    """Tell whether this pass needs what the serving pods counted."""
    if deployment.status.stable is None or deployment.spec.serving.drift_windows == "Disabled":
        return False
    return _wait(monitor, now) <= 0


def questions(monitor: DriftMonitor, revision: str, pods: Sequence[Json], now: datetime) -> Asked:
    """Return what the pods of a revision are asked: for the newest window that has ended."""
    end = int(now.timestamp() - CLOSED_SECONDS) // STEP * STEP
    start = end - math.ceil(seconds(monitor.spec.window))
    # What is older than an hour is counted by the minute.
    width = STEP if end - start <= HOUR - MINUTE else MINUTE
    return ask(pods, [revision], start // width * width, end, STEP, ("features", "predictions"))


def _wait(monitor: DriftMonitor, now: datetime) -> float:
    checked = monitor.status.checked_time
    if checked is None or monitor.status.observed_generation != monitor.metadata.generation:
        return 0.0
    return seconds(monitor.spec.interval) - max(0.0, (now - checked).total_seconds())


def plan_monitor(s: MonitorSnapshot) -> Plan:
    """Decide what to do about a DriftMonitor."""
    status = heard = _with_run(s, s.monitor.status)
    name = s.monitor.spec.deployment_ref.name
    stable = s.deployment.status.stable if s.deployment else None
    if s.deployment is None:
        return _blind(
            s, status, "DeploymentNotFound", f"there is no ModelDeployment {name}: create it"
        )
    if s.deployment.spec.serving.drift_windows == "Disabled":
        told = f"{name} counts nothing: set its spec.serving.driftWindows to Enabled"
        return _blind(s, status, "DriftWindowsDisabled", told, stalled=True)
    if stable is None or not stable.ready_replicas:
        return _blind(s, status, "NotServing", f"{name} serves nothing yet")
    if status.reference is None or status.reference.revision != stable.revision:
        before = status.reference or ReferenceStatus()
        serves = {"version": stable.version, "revision": stable.revision}
        reference = before.model_copy(update=serves)
        status = status.model_copy(update={"reference": reference, "consecutive_breaches": 0})
    if status.observed_generation != s.monitor.metadata.generation:
        status = status.model_copy(update={"fruitless": 0})  # a person has thought about it
    if s.answers is None:
        changed = heard if heard != s.monitor.status else None
        return Plan(status=changed, requeue_after=max(1.0, _wait(s.monitor, s.now)))
    if not s.windows or s.profile is None:
        told = (
            f"none of {s.asked} ready pods answered with a drift window; bare models without a "
            "profile have none"
        )
        return _blind(s, status.model_copy(update={"checked_time": s.now}), "NoWindows", told)
    try:
        window = merge(s.windows)
        pairs = known(s.profile, window)
    except ValueError as error:
        return _blind(s, status, "NoWindows", str(error))
    names = {profile.name for profile, _ in pairs}
    unknown = sorted({f for t in s.monitor.spec.tests for f in t.features} - names)
    if unknown:
        told = f"{', '.join(unknown)} is no feature; known are {', '.join(sorted(names))}"
        return _blind(s, status, "InvalidSpec", told, stalled=True)
    status = _of_profile(s, status, window.profile)
    if window.rows < s.monitor.spec.minimum_samples:
        return _too_few(s, status, window)
    assert status.reference is not None and status.reference.since is not None
    watched = (s.now - status.reference.since).total_seconds()
    tested = features(s.monitor.spec.tests, pairs)
    report = judge_drift(tested, settings(s.monitor.spec, watched), usual(status.usual))
    return _judge(s, status, window, report)


def _of_profile(s: MonitorSnapshot, status: MonitorStatus, profile: str) -> MonitorStatus:
    """Return the status; what is usual is learned anew where the reference has changed."""
    reference = status.reference
    assert reference is not None
    if reference.profile == profile and reference.since is not None:
        return status
    anew = reference.model_copy(update={"profile": profile, "since": s.now})
    return status.model_copy(update={"reference": anew, "usual": [], "usual_time": None})


def _with_run(s: MonitorSnapshot, status: MonitorStatus) -> MonitorStatus:
    """Return the status with the run that came of the last action, and with its outcome.

    A retraining counts as fruitless until the traffic is like the reference again: not what was
    shipped ends drift, but what fits.
    """
    action = status.last_action
    if action is None or action.outcome or s.training is None:
        return status
    last, run = s.training.status.last_run, s.training.status.run
    number = action.run
    if number is None:
        begun = [(last.start_time, last.number)] if last is not None else []
        begun += [(run.start_time, run.number)] if run is not None else []
        number = next((number for start, number in begun if start >= action.time), None)
    if number is None or last is None or last.number < number:
        return status.model_copy(update={"last_action": action.model_copy(update={"run": number})})
    outcome = last.outcome if last.number == number else "Unknown"
    ended = action.model_copy(update={"run": number, "outcome": outcome})
    return status.model_copy(update={"last_action": ended, "fruitless": status.fruitless + 1})


def _too_few(s: MonitorSnapshot, status: MonitorStatus, window: Window) -> Plan:
    """Say that too little came to say anything; what was counted in a row stays."""
    told = f"{window.rows} rows came in the window, {s.monitor.spec.minimum_samples} are needed"
    status = _looked(s, status, window, None, None)
    status = status.model_copy(update={"worst": [], "quality": [], "suspects": []})
    conditions = [
        _watching(s),
        condition("Drifted", None, "TooFewSamples", told),
        condition("QualityPassed", None, "TooFewSamples"),
    ]
    return _finish(s, status, conditions, ())


def _looked(
    s: MonitorSnapshot,
    status: MonitorStatus,
    window: Window,
    drifted: bool | None,
    worst: FeatureDrift | None,
) -> MonitorStatus:
    """Return the status with what was looked at, and when."""
    looked = Evaluation(
        time=s.now,
        samples=window.rows,
        worst_score=round(worst.score, 4) if worst is not None else None,
        drifted="Unknown" if drifted is None else "True" if drifted else "False",
    )
    counted = WindowStatus(
        start=_moment(max(window.start, min(w.since for w in s.windows))),
        end=_moment(window.end),
        samples=window.rows,
        pods=s.answered,
        asked=s.asked,
    )
    return status.model_copy(
        update={
            "checked_time": s.now,
            "window": counted,
            "history": [*status.history, looked][-HISTORY_KEPT:],
            "action_times": [t for t in status.action_times if s.now - t < DAY],
        }
    )


def _judge(s: MonitorSnapshot, status: MonitorStatus, window: Window, report: DriftReport) -> Plan:
    """Say what drifted, ask for what is to be done, and learn what is usual."""
    spec = s.monitor.spec
    over = [f for f in report.features if f.drifted]
    drifted = bool(over)
    count = min(status.consecutive_breaches + 1, 1_000_000) if drifted else 0
    length = seconds(spec.window)
    passed = status.usual_time is None or (s.now - status.usual_time).total_seconds() >= length
    now_usual = learned(report, usual(status.usual), length, passed)
    status = _looked(s, status, window, drifted, report.features[0] if report.features else None)
    status = status.model_copy(
        update={
            "worst": [_score(f) for f in report.features[:WORST_KEPT]],
            "suspects": list(report.suspects[:WORST_KEPT]),
            "quality": [
                QualityBreach(
                    feature=b.feature,
                    check=b.check,
                    fraction=round(b.share, 4),
                    maximum=b.limit,
                    p=_rounded(b.p),
                )
                for b in report.breaches[:WORST_KEPT]
            ],
            "usual": to_record(now_usual, spec.minimum_effect),
            "usual_time": s.now if passed else status.usual_time,
            "consecutive_breaches": count,
            "fruitless": status.fruitless if drifted else 0,
        }
    )
    events: list[Event] = []
    names = ", ".join(_told(f) for f in over[:3])
    before = {c.type: c.status for c in s.monitor.status.conditions}
    was = before.get("Drifted", "Unknown")
    if drifted and was != "True":
        events.append(Event("DriftDetected", f"{names} over {window.rows} rows", "Warning"))
    if not drifted and was == "True":
        events.append(Event("DriftResolved", f"{window.rows} rows are like the reference"))
    reason, more = "DriftDetected", ""
    if drifted and count >= spec.consecutive_breaches and spec.actions.retrain is not None:
        reason, more, status = _retrain(s, status, names)
        if reason == "AskedToRetrain":
            events.append(Event("AskedToRetrain", more))
    if drifted:
        told = f"{names} over {window.rows} rows" + (f"; {more}" if more else "")
        verdict = condition("Drifted", True, reason, told)
    else:
        told = f"{window.rows} rows are like the reference"
        verdict = condition("Drifted", False, "LikeReference", told)
    if report.breaches:
        told = ", ".join(
            f"{b.feature} {b.check} {in_percent(b.share)}, {in_percent(b.limit)} may"
            for b in report.breaches[:3]
        )
        if before.get("QualityPassed") != "False":
            events.append(Event("QualityLimitsBroken", told, "Warning"))
        quality = condition("QualityPassed", False, "QualityLimitsBroken", told)
    else:
        quality = condition("QualityPassed", True, "WithinLimits")
    return _finish(s, status, [_watching(s), verdict, quality], tuple(events))


def _watching(s: MonitorSnapshot) -> Condition:
    """Return that it watches, and how many pods are not seen."""
    told, silent = f"watches {s.monitor.spec.deployment_ref.name}", s.asked - s.answered
    if silent > 0:
        told += f"; {silent} of {s.asked} ready pods did not answer"
    for late in s.answers.skewed(*s.answers.asked)[:1] if s.answers is not None else ():
        told += f"; the clock of pod {late.pod} is {late.skew:+.0f} s off: look at its node's time"
    return condition("Ready", True, "Watching", told)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _score(f: FeatureDrift) -> FeatureScore:
    return FeatureScore(
        feature=f.feature, score=round(f.score, 4), need=round(f.need, 4), p=_rounded(f.p)
    )


def _told(f: FeatureDrift) -> str:
    return f"{f.feature} is {f.score:.3g} off, drift needs {f.need:.3g} (p {f.p:.1g})"


def _rounded(p: float) -> float:
    """Return a p-value with three digits."""
    return float(f"{p:.3g}")


def _retrain(
    s: MonitorSnapshot, status: MonitorStatus, names: str
) -> tuple[str, str, MonitorStatus]:
    """Ask for a retraining, unless something speaks against it; say which it was."""
    action, retrain = status.last_action, s.monitor.spec.actions.retrain
    assert retrain is not None
    served = status.reference.version if status.reference else ""
    if s.training is None:
        return "NoTraining", "the ModelDeployment follows no ModelTraining to retrain", status
    run = s.training.status.run
    if run is not None and run.phase == "Fitting":
        return "RetrainingUnderWay", f"run {run.number} is under way", status
    if s.deployment is not None and s.deployment.status.canary is not None:
        return "RolloutUnderWay", "a newer version is on trial", status
    if action is not None:
        wait = seconds(retrain.cooldown) - max(0.0, (s.now - action.time).total_seconds())
        if wait > 0:
            return "CoolingDown", f"the next retraining may be asked for in {wait:.0f} s", status
    if len(status.action_times) >= retrain.daily_limit:
        return "DailyLimitReached", f"{retrain.daily_limit} retrainings in 24 hours", status
    if status.fruitless >= FRUITLESS_LIMIT:
        told = (
            f"{status.fruitless} retrainings did not end it: look at the data, then retrain by hand"
        )
        return "RetrainingDoesNotHelp", told, status
    told = f"{served or 'the model'} drifted: {names}"
    asked = LastAction(type="Retrain", time=s.now, message=told, version=served)
    status = status.model_copy(
        update={
            "last_action": asked,
            "action_times": [*status.action_times, s.now],
            "retrainings": status.retrainings + 1,
        }
    )
    return "AskedToRetrain", "asked to retrain", status


def _blind(
    s: MonitorSnapshot, status: MonitorStatus, reason: str, message: str, stalled: bool = False
) -> Plan:
    conditions = [
        condition("Ready", False, reason, message),
        condition("Drifted", None, reason, message),
        condition("QualityPassed", None, reason),
    ]
    return _finish(s, status, conditions, (), reason if stalled else "", message)


def _finish(
    s: MonitorSnapshot,
    status: MonitorStatus,
    conditions: list[Condition],
    events: tuple[Event, ...],
    stalled: str = "",
    message: str = "",
) -> Plan:
    helps = status.fruitless < FRUITLESS_LIMIT
    generation = s.monitor.metadata.generation
    conditions = [
        *conditions,
        condition("RetrainingHelps", helps, "Helps" if helps else "DriftStayed"),
        condition("Reconciling", False, "UpToDate"),
        condition("Stalled", bool(stalled), stalled or "Progressing", message if stalled else ""),
    ]
    present = s.monitor.status.conditions
    settled = settle(present, conditions, generation, s.now)
    status = status.model_copy(update={"observed_generation": generation, "conditions": settled})
    events = with_stall(present, settled, events)
    return Plan(
        status=status, events=events, requeue_after=max(1.0, seconds(s.monitor.spec.interval))
    )
