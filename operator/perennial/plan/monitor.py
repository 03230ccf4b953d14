"""DriftMonitor: the verdict on live traffic, and what is done about it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from perennial.api.base import Condition, seconds
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
from perennial.plan.core import Event, Plan, condition, settle, with_stall
from perennial.plan.drift import pair, scores
from perennial.plan.quality import breaches
from perennial_artifact.profile import Profile
from perennial_artifact.window import Window, merge

WORST_KEPT = 10
HISTORY_KEPT = 20
FRUITLESS_LIMIT = 2
DAY = timedelta(hours=24)


@dataclass(frozen=True)
class MonitorSnapshot:
    """All that a decision about a DriftMonitor depends on."""

    monitor: DriftMonitor
    now: datetime
    deployment: ModelDeployment | None = None
    training: ModelTraining | None = None
    windows: tuple[Window, ...] | None = None
    """What the serving pods answered; None where they were not asked in this pass."""
    profile: Profile | None = None


def wants_windows(monitor: DriftMonitor, deployment: ModelDeployment, now: datetime) -> bool:
    """Tell whether this pass needs what the serving pods counted."""
    if deployment.status.stable is None or deployment.spec.serving.drift_windows == "Disabled":
        return False
    return _wait(monitor, now) <= 0


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
        reference = ReferenceStatus(version=stable.version, revision=stable.revision, since=s.now)
        status = status.model_copy(update={"reference": reference, "consecutive_breaches": 0})
    if status.observed_generation != s.monitor.metadata.generation:
        status = status.model_copy(update={"fruitless": 0})  # a person has thought about it
    if s.windows is None:
        changed = heard if heard != s.monitor.status else None
        return Plan(status=changed, requeue_after=max(1.0, _wait(s.monitor, s.now)))
    if not s.windows or s.profile is None:
        told = "no serving pod answered with a drift window; bare models without profile have none"
        return _blind(s, status.model_copy(update={"checked_time": s.now}), "NoWindows", told)
    try:
        window = merge(s.windows)
    except ValueError as error:
        return _blind(s, status, "NoWindows", str(error))
    compared = pair(s.profile, window)
    known = {c.profile.name for c in compared}
    unknown = sorted({f for t in s.monitor.spec.tests for f in t.features} - known)
    if unknown:
        told = f"{', '.join(unknown)} is no feature; known are {', '.join(sorted(known))}"
        return _blind(s, status, "InvalidSpec", told, stalled=True)
    return _judge(s, status, window, compared_scores=scores(s.monitor.spec.tests, compared),
                  broken=breaches(s.monitor.spec.quality, compared))  # fmt: skip


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


def _judge(
    s: MonitorSnapshot,
    status: MonitorStatus,
    window: Window,
    compared_scores: list[FeatureScore],
    broken: list[QualityBreach],
) -> Plan:
    spec = s.monitor.spec
    enough = window.samples >= spec.minimum_samples
    over = [f for f in compared_scores if f.score > f.threshold]
    drifted = bool(over) if enough else None
    count = status.consecutive_breaches  # too few samples say nothing: the count stays
    if enough:
        count = count + 1 if over else 0
    worst = compared_scores[0] if compared_scores else None
    history = Evaluation(
        time=s.now,
        samples=window.samples,
        worst_score=worst.score if worst and enough else None,
        drifted="Unknown" if drifted is None else "True" if drifted else "False",
    )
    status = status.model_copy(
        update={
            "checked_time": s.now,
            "window": WindowStatus(
                start=window.start,
                end=window.end,
                samples=window.samples,
                pods=len(s.windows or ()),
            ),
            "worst": compared_scores[:WORST_KEPT] if enough else [],
            "quality": broken[:WORST_KEPT] if enough else [],
            "consecutive_breaches": min(count, 1_000_000),
            "fruitless": 0 if drifted is False else status.fruitless,
            "history": [*status.history, history][-HISTORY_KEPT:],
            "action_times": [t for t in status.action_times if s.now - t < DAY],
        }
    )
    events: list[Event] = []
    names = ", ".join(f"{f.feature} {f.method} {f.score:g} > {f.threshold:g}" for f in over[:3])
    before = {c.type: c.status for c in s.monitor.status.conditions}
    was = before.get("Drifted", "Unknown")
    if drifted and was != "True":
        events.append(Event("DriftDetected", f"{names} over {window.samples} rows", "Warning"))
    if drifted is False and was == "True":
        events.append(Event("DriftResolved", f"{window.samples} rows are like the reference"))
    reason, more = "DriftDetected", ""
    if drifted and count >= spec.consecutive_breaches and spec.actions.retrain is not None:
        reason, more, status = _retrain(s, status, names)
        if reason == "AskedToRetrain":
            events.append(Event("AskedToRetrain", more))
    if drifted is None:
        told = f"{window.samples} rows came in the window, {spec.minimum_samples} are needed"
        verdict = condition("Drifted", None, "TooFewSamples", told)
    elif drifted:
        told = f"{names} over {window.samples} rows" + (f"; {more}" if more else "")
        verdict = condition("Drifted", True, reason, told)
    else:
        verdict = condition(
            "Drifted", False, "LikeReference", f"{window.samples} rows are like the reference"
        )
    if not enough:
        passed = condition("QualityPassed", None, "TooFewSamples")
    elif broken:
        told = ", ".join(f"{b.feature} {b.check} {b.fraction:.1%}" for b in broken[:3])
        if before.get("QualityPassed") != "False":
            events.append(Event("QualityLimitsBroken", told, "Warning"))
        passed = condition("QualityPassed", False, "QualityLimitsBroken", told)
    else:
        passed = condition("QualityPassed", True, "WithinLimits")
    ready = condition("Ready", True, "Watching", f"watches {spec.deployment_ref.name}")
    return _finish(s, status, [ready, verdict, passed], tuple(events))


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
