"""What to do about a DriftMonitor: the one pass, and the only importer of tests and actions."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from perennial.api.common import Condition
from perennial.api.monitor import (
    BeforeStatus,
    Evaluation,
    MonitorStatus,
    ReferenceStatus,
    WindowStatus,
)
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding, Plan, condition, settle, verdict, with_stall
from perennial.plan.core.outside import DENIED
from perennial.plan.monitoring.actions import ACTIONS, rollback
from perennial.plan.monitoring.actions.notify import denied, noted, waits
from perennial.plan.monitoring.actions.retrain import came_of, followed, helps, serves_better
from perennial.plan.monitoring.compared import (
    features,
    misfit,
    of_slices,
    settings,
    with_slices,
)
from perennial.plan.monitoring.counted import paired
from perennial.plan.monitoring.finding import Judgement, Report
from perennial.plan.monitoring.hour_itself import hour_itself
from perennial.plan.monitoring.hour_itself import told as told_of_hours
from perennial.plan.monitoring.pace import remembered
from perennial.plan.monitoring.questions import seconds_until_due
from perennial.plan.monitoring.recall import recalled
from perennial.plan.monitoring.reports import TYPE as REPORTED
from perennial.plan.monitoring.reports import follow
from perennial.plan.monitoring.same_hours import Reference
from perennial.plan.monitoring.same_hours import reference as compared_with
from perennial.plan.monitoring.seen_mixes import OF_PROFILE
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial.plan.monitoring.tests import OF_REPORT, TESTS
from perennial.plan.monitoring.usual import today, usual
from perennial_artifact.profile import FeatureProfile
from perennial_artifact.windows import Column, Window, merge
from perennial_statistics.drift import (
    DriftReport,
    Feature,
    FeatureDrift,
    Settings,
    Usual,
    judge_drift,
)

HISTORY_KEPT = 20
OF_ROWS = ("Refused", "Duplicates")
"""Checks that are about no feature's values: no slice of a feature refutes them."""
LATE_LOOKS, MINUTE = 3, 60.0
QUIET = {"drift": ("Drifted", "False"), "performance": ("PerformanceKept", "True")}
"""The condition by which a test says that nothing is wrong."""


def plan_monitor(s: MonitorSnapshot) -> Plan:
    """Decide what to do about a DriftMonitor."""
    s = replace(s, monitor=recalled(s.monitor, s.now))
    status, events = noted(s)
    reported = follow(s)
    status = status.model_copy(update={"report": reported.report})
    if reported.performance is not None:
        status = status.model_copy(update={"performance": reported.performance})
    plan = replace(_watched(s, status, reported.has_told), create=reported.create)
    plan = _with_condition(s, plan, reported.condition)
    known = plan.status if isinstance(plan.status, MonitorStatus) else status
    times = [t for t in (plan.requeue_after, waits(s, known), reported.after) if t is not None]
    return replace(
        plan,
        events=(*events, *reported.events, *plan.events),
        requeue_after=max(1.0, min(times)) if times else None,
    )


def _with_condition(s: MonitorSnapshot, plan: Plan, reported: Condition | None) -> Plan:
    """Return the plan whose status says how the reports do, whether the traffic was looked at."""
    present = s.monitor.status
    status = plan.status if isinstance(plan.status, MonitorStatus) else present
    others = [c for c in status.conditions if c.type != REPORTED]
    found = [*others, reported] if reported is not None else others
    settled = settle(present.conditions, found, status.observed_generation, s.now)
    status = status.model_copy(update={"conditions": settled})
    # With a write there is always one, to say so where it is refused.
    return replace(plan, status=status) if status != present or plan.create else plan


def _watched(s: MonitorSnapshot, status: MonitorStatus, is_reported: bool) -> Plan:
    """Look at the traffic, where it is time to, and else at what a report has just told."""
    status = with_run = rollback.followed(s, followed(s, status))
    name = s.monitor.spec.deployment_ref.name
    stable = s.deployment.status.stable if s.deployment else None
    if s.deployment is None:
        message = f"there is no ModelDeployment {name}: create it"
        return _sees_nothing(s, status, "DeploymentNotFound", message)
    if s.deployment.spec.serving.drift_windows == "Disabled":
        message = f"{name} counts nothing: set its spec.serving.driftWindows to Enabled"
        return _sees_nothing(s, status, "DriftWindowsDisabled", message, stalled=True)
    if stable is None or not stable.ready_replicas:
        return _sees_nothing(s, status, "NotServing", f"{name} serves nothing yet")
    if status.reference is None or status.reference.revision != stable.revision:
        known = status.reference or ReferenceStatus()
        serves = {"version": stable.version, "revision": stable.revision, "before": _before(s)}
        reference = known.model_copy(update=serves)
        status = status.model_copy(update={"reference": reference, "consecutive_breaches": 0})
    # A person has thought about it, or it has helped.
    if status.observed_generation != s.monitor.metadata.generation or serves_better(status):
        status = status.model_copy(update={"fruitless": 0})
    if s.answers is None and is_reported:
        return _of_report(s, status)
    if s.answers is None:
        changed = with_run if with_run != s.monitor.status else None
        return Plan(status=changed, requeue_after=max(1.0, seconds_until_due(s.monitor, s.now)))
    if not s.windows or s.profile is None:
        message = (
            f"none of {s.asked} ready pods answered with a drift window; bare models without a "
            "profile have none"
        )
        status = status.model_copy(update={"checked_time": s.now, "window": None})
        if _sees_the_rest(s):
            ready = condition("Ready", True, "WatchesInPart", message)
            return _tested(s, status, Finding("NoWindows", message), ready)
        return _sees_nothing(s, status, "NoWindows", message)
    try:
        window = merge(s.windows)
        whole = [profile for profile, _ in paired(s.profile, window)]
    except ValueError as error:
        return _sees_nothing(s, status, "NoWindows", str(error))
    names = {profile.name for profile in whole}
    unknown = sorted(
        {*(f for t in s.monitor.spec.tests for f in t.features), *_segments(s)} - names
    )
    if unknown:
        message = f"{', '.join(unknown)} is no feature; known are {', '.join(sorted(names))}"
        return _sees_nothing(s, status, "InvalidSpec", message, stalled=True)
    if message := misfit(s.monitor.spec.tests, whole):
        return _sees_nothing(s, status, "InvalidSpec", message, stalled=True)
    try:
        s, rows = _at_hours(s, window)
    except ValueError as error:
        return _sees_nothing(s, status, "InvalidSpec", str(error), stalled=True)
    status = _of_profile(s, status, window.profile, rows.message)
    if window.rows < s.monitor.spec.minimum_samples:
        return _too_few(s, status, window)
    status = today(status, s.now)
    report, left_out = _report(s, status, window, whole, rows.any_hour)
    status = _leaves_out(status, left_out)
    if isinstance(report, Finding):
        status = _looked(s, status, window, None, None)
        return _tested(s, status, report, _watching(s))
    return _judge(s, status, window, report)


def refutable(s: MonitorSnapshot, decided: Plan) -> frozenset[str]:
    """Return the features of which slices may refute what a decision without them found.

    Few of a thousand: what all pods tell of each slice is too much to be kept.
    """
    status = decided.status
    if not isinstance(status, MonitorStatus) or s.profile is None or not s.windows:
        return frozenset()
    seen = {c.type: c.status for c in status.conditions}
    bad_values = any(b.check not in OF_ROWS for b in status.quality)
    mixed = any(m.verdict == "Changed" and m.kind in OF_PROFILE for m in status.mix)
    quality = seen.get("QualityPassed") == "False" and bad_values
    if not (seen.get("Drifted") == "True" or quality or mixed):
        return frozenset()
    window = merge(s.windows)
    whole = [*s.profile.features, *s.profile.predictions]
    at_hours, rows = _at_hours(s, window)
    tested = _features(at_hours, window, whole, rows.any_hour)
    # Whatever is usual of a feature, it needs no less.
    found = judge_drift(tested, settings(s.monitor.spec, math.inf), {})
    return frozenset((*found.alarming, *_segments(s), *(p.name for p in s.profile.predictions)))


def _at_hours(s: MonitorSnapshot, window: Window) -> tuple[MonitorSnapshot, Reference]:
    """Return what is compared, and with which rows: where asked, those of the same hours.

    Raises:
        ValueError: the spec asks for what is not there.
    """
    assert s.profile is not None
    found = compared_with(s.monitor.spec, s.profile, s.training, window.start, window.end)
    return replace(s, profile=found.profile), found


def _features(
    s: MonitorSnapshot,
    window: Window,
    whole: Sequence[FeatureProfile],
    any_hour: Collection[str],
) -> list[Feature]:
    """Return what is tested; the range and the categories are known of all rows."""
    assert s.profile is not None
    pairs, asked = paired(s.profile, window), s.monitor.spec
    newest = _columns(s.newest_windows)
    every = whole if asked.reference is not None else None
    return features(asked.tests, pairs, newest, every, any_hour)


def _report(
    s: MonitorSnapshot,
    status: MonitorStatus,
    window: Window,
    whole: Sequence[FeatureProfile],
    any_hour: Collection[str],
) -> tuple[Report, list[str]]:
    """Return what the values show, and which columns are left out, as they are the hour itself.

    An alarm stands only where slices do not refute it.
    """
    assert status.reference is not None and status.reference.since is not None
    watched = (s.now - status.reference.since).total_seconds()
    asked = settings(s.monitor.spec, watched)
    tested = _features(s, window, whole, any_hour)
    known = usual(status, [f.name for f in tested])
    report = judge_drift(tested, asked, known)
    left_out = _hour_itself(s, window, report, any_hour)
    if left_out:
        tested = [f for f in tested if f.name not in left_out]
        report = judge_drift(tested, asked, known)
    if not tested:
        message = f"all columns that are tested go with the hour itself: {', '.join(left_out[:3])}"
        return Finding("OnlyHours", message), left_out
    if s.slices is None or not report.alarming:
        return report, left_out
    names = [profile.name for profile in whole]
    return _by_slices(s, window, report, tested, names, asked, known), left_out


def _by_slices(
    s: MonitorSnapshot,
    window: Window,
    report: DriftReport,
    tested: Sequence[Feature],
    names: Sequence[str],
    asked: Settings,
    known: Usual,
) -> Report:
    """Return what is left of an alarm once it is known how rows came.

    Where only some of the rows are told by slices, those alone must show it; and if they do not,
    it is unknown as long as all rows would, even by what slices tell of bursts.
    """
    found, message = s.sliced, ", ".join(report.alarming[:3])
    missing = Finding(
        "SlicesMissing",
        f"{message} would alarm if rows came one by one; whether they came in bursts the pods did "
        "not tell, so it is looked again",
    )
    if found is None or found.rows < s.monitor.spec.minimum_samples:
        return missing
    columns = [_columns(windows) or [] for windows in found.windows]
    sliced = with_slices(tested, report.alarming, names, columns, found.newest)
    by_all = judge_drift(sliced, asked, known)
    if found.rows == window.rows or not by_all.alarming:
        return by_all
    by_some = judge_drift([of_slices(f) for f in sliced], asked, known)
    return by_some if by_some.alarming else missing


def _hour_itself(
    s: MonitorSnapshot, window: Window, report: DriftReport, any_hour: Collection[str]
) -> list[str]:
    """Return the columns that alarm as they are the hour itself, of those that are told by it."""
    assert s.profile is not None
    told = (*s.profile.features, *s.profile.predictions)
    columns = [p for p in told if p.name not in any_hour]
    return hour_itself(s.monitor.spec, columns, report, window.start, window.end)


def _leaves_out(status: MonitorStatus, names: Sequence[str]) -> MonitorStatus:
    """Return the status that says which columns are not looked at."""
    reference = status.reference
    if not names or reference is None:
        return status
    message = "; ".join(m for m in (reference.message, told_of_hours(names)) if m)
    return status.model_copy(
        update={"reference": reference.model_copy(update={"message": message})}
    )


def _columns(windows: Sequence[Window]) -> list[Column] | None:
    """Return what was counted of features and predictions; None where nothing was told."""
    if not windows:
        return None
    window = merge(windows)
    return [*(window.features or ()), *(window.predictions or ())]


def _segments(s: MonitorSnapshot) -> Sequence[str]:
    """Return the features that are segments."""
    behaviour = s.monitor.spec.behaviour
    return behaviour.mix.segments if behaviour is not None and behaviour.mix is not None else ()


def _before(s: MonitorSnapshot) -> BeforeStatus | None:
    """Return what served until now, and which tests were quiet when it was last looked at.

    That must have been a moment ago: what nobody saw is not known to have been quiet.
    """
    reference, checked = s.monitor.status.reference, s.monitor.status.checked_time
    if reference is None or checked is None:
        return None
    took_over = s.deployment.status.promoted_time if s.deployment is not None else None
    is_late = (took_over or s.now) - checked > LATE_LOOKS * timedelta(
        seconds=seconds(s.monitor.spec.interval) + MINUTE
    )
    said = {(c.type, c.status) for c in s.monitor.status.conditions}
    quiet = [] if is_late else [test for test, good in QUIET.items() if good in said]
    return BeforeStatus(version=reference.version, revision=reference.revision, quiet=quiet)


def _sees_the_rest(s: MonitorSnapshot) -> bool:
    """Tell whether something is asked that needs no profile, and pods answer."""
    spec, received = s.monitor.spec, s.answers.received if s.answers is not None else ()
    asked = spec.performance is not None or spec.behaviour is not None
    return asked and any(a.window is not None for a in received)


def _of_profile(
    s: MonitorSnapshot, status: MonitorStatus, profile: str, told: str
) -> MonitorStatus:
    """Return the status; what is usual is learned anew where the reference has changed."""
    reference = status.reference
    assert reference is not None
    same_hours = s.monitor.spec.reference is not None
    told_of = {"same_hours": same_hours or None, "message": told or None}
    compared = (profile, same_hours)
    if (reference.profile, bool(reference.same_hours)) == compared and reference.since is not None:
        return status.model_copy(update={"reference": reference.model_copy(update=told_of)})
    anew = reference.model_copy(update={"profile": profile, "since": s.now, **told_of})
    return status.model_copy(
        update={"reference": anew, "usual": [], "usual_newest": [], "usual_time": None}
    )


def _too_few(s: MonitorSnapshot, status: MonitorStatus, window: Window) -> Plan:
    """Say that too little came to say anything of its values."""
    message = f"{window.rows} rows came in the window, {s.monitor.spec.minimum_samples} are needed"
    status = _looked(s, status, window, None, None)
    return _tested(s, status, Finding("TooFewSamples", message), _watching(s))


def _judge(s: MonitorSnapshot, status: MonitorStatus, window: Window, report: DriftReport) -> Plan:
    """Note what was looked at, and run the tests."""
    worst = report.features[0] if report.features else None
    # What is held may be drift, or the time of day.
    is_known = not report.held and s.unheard(s.answered) is None
    drifted = bool(report.drifted) if report.drifted or is_known else None
    status = _looked(s, status, window, drifted, worst)
    return _tested(s, status, report, _watching(s))


def _tested(
    s: MonitorSnapshot,
    status: MonitorStatus,
    report: Report,
    ready: Condition,
    stalled: Finding | None = None,
) -> Plan:
    """Run the tests, and the actions that what they found asks for.

    Where nothing is known of the values, what was known before says nothing of today.
    """
    if isinstance(report, Finding):
        status = status.model_copy(update={"worst": [], "quality": [], "suspects": []})
    results = {name: test(s, status, report) for name, test in TESTS.items()}
    found = {name: result for name, result in results.items() if result is not None}
    changes = {name: value for result in found.values() for name, value in result.changes.items()}
    forgotten = [name for name in ("performance", "estimated", "behaviour") if name not in found]
    changes |= dict.fromkeys(forgotten)
    changes |= {} if "mix" in found else {"mix": []}
    status = status.model_copy(update=changes)
    if _is_over(status, {name: result.is_alarm for name, result in found.items()}):
        status = status.model_copy(update={"fruitless": 0})
    conditions, events = [ready], list[Event]()
    for result in found.values():
        result, status = _acted(s, status, result)
        conditions.append(result.condition)
        events += result.events
    return _finish(s, status, conditions, tuple(events), stalled)


def _of_report(s: MonitorSnapshot, status: MonitorStatus) -> Plan:
    """Judge what a report has just told; the rest stays as it was when it was last looked at."""
    conditions, events = {c.type: c for c in status.conditions}, list[Event]()
    for test in OF_REPORT:
        result = test(s, status)
        if result is None:
            continue
        result, status = _acted(s, status.model_copy(update=dict(result.changes)), result)
        conditions[result.condition.type] = result.condition
        events += result.events
    present, generation = s.monitor.status.conditions, status.observed_generation
    settled = settle(present, conditions.values(), generation, s.now)
    return Plan(
        status=status.model_copy(update={"conditions": settled}),
        events=tuple(events),
        requeue_after=max(1.0, seconds_until_due(s.monitor, s.now)),
    )


def _is_over(status: MonitorStatus, alarms: Mapping[str, bool | None]) -> bool:
    """Tell whether that is over which was last retrained for, and nothing else is the case."""
    retraining = status.last_retraining
    asked_by = (retraining.test if retraining is not None else "") or "drift"
    return alarms.get(asked_by) is False and True not in alarms.values()


def _acted(
    s: MonitorSnapshot, status: MonitorStatus, found: Judgement
) -> tuple[Judgement, MonitorStatus]:
    """Do what is to be done about a test's cause, and say what came of it in its condition."""
    asked, given = s.monitor.spec.actions, found
    named = [name for name in ACTIONS if found.cause and getattr(asked, name) is not None]
    before, done_here = status, list[str]()
    for name in named:
        assert found.cause is not None
        done = ACTIONS[name](s, status, replace(found.cause, since=_since(s, found.condition)))
        done_here += [name] if done.status != status else []
        message = "; ".join(m for m in (found.condition.message, done.message) if m)
        reason = done.reason or found.condition.reason
        changed = found.condition.model_copy(update={"reason": reason, "message": message})
        found = replace(found, condition=changed, events=(*found.events, *done.events))
        status = done.status
    if asked.mode == "Observe" and named:
        would = f", else: {', '.join(done_here)}" if done_here else ""
        message = f"{given.condition.message}; actions.mode is Observe{would}"
        return _only_told(given, message), before
    return found, status


def _only_told(found: Judgement, message: str) -> Judgement:
    condition = found.condition.model_copy(update={"message": message})
    return replace(found, condition=condition)


def _since(s: MonitorSnapshot, found: Condition) -> datetime:
    """Return since when a condition is as it was found."""
    present = next((c for c in s.monitor.status.conditions if c.type == found.type), None)
    is_old = present is not None and present.status == found.status
    return (present.last_transition_time if present and is_old else None) or s.now


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
            "action_times": remembered(status.action_times, s.now),
        }
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _watching(s: MonitorSnapshot) -> Condition:
    """Return that it watches, and how many pods are not seen."""
    message, silent = f"watches {s.monitor.spec.deployment_ref.name}", s.asked - s.answered
    if silent > 0:
        message += f"; {silent} of {s.asked} ready pods did not answer"
    for late in s.answers.skewed(*s.answers.asked)[:1] if s.answers is not None else ():
        clock = f"the clock of pod {late.pod} is {late.skew:+.0f} s off"
        message += f"; {clock}: look at its node's time"
    return condition("Ready", True, "Watching", message)


def _sees_nothing(
    s: MonitorSnapshot, status: MonitorStatus, reason: str, message: str, stalled: bool = False
) -> Plan:
    """Say why nothing can be said of the traffic's values."""
    why = Finding(reason, message)
    ready = condition("Ready", False, reason, message)
    status = status.model_copy(update={"window": None})
    return _tested(s, status, why, ready, why if stalled else None)


def _finish(
    s: MonitorSnapshot,
    status: MonitorStatus,
    conditions: Sequence[Condition],
    events: tuple[Event, ...],
    stalled: Finding | None = None,
) -> Plan:
    may_help = helps(status)
    if stalled is None and (why := denied(s)):
        stalled = Finding(DENIED, f"actions.notify: {why}")
    generation = s.monitor.metadata.generation
    conditions = [
        *conditions,
        condition(
            "RetrainingHelps", may_help, "Helps" if may_help else "DriftStayed", came_of(status)
        ),
        condition("Reconciling", False, "UpToDate"),
        verdict("Stalled", stalled is not None, stalled or Finding("Progressing")),
    ]
    present = s.monitor.status.conditions
    settled = settle(present, conditions, generation, s.now)
    told = {
        "observed_generation": generation,
        "deployment": s.monitor.spec.deployment_ref.name,
        "conditions": settled,
    }
    status = status.model_copy(update=told)
    events = with_stall(present, settled, events)
    return Plan(
        status=status, events=events, requeue_after=max(1.0, seconds(s.monitor.spec.interval))
    )
