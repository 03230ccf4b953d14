"""Whether what became known of predictions keeps its limits, cohort by cohort of their time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perennial.api.monitor import Cohort, MonitorStatus, PerformanceMetricStatus, PerformanceStatus
from perennial.api.monitor.performance import Performance
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding, condition, verdict
from perennial.plan.monitoring import cohorts
from perennial.plan.monitoring.alpha import alpha_of_each
from perennial.plan.monitoring.finding import Cause, Judgement, Report, rounded, was
from perennial.plan.monitoring.measures import Bound, Measure, measure_of
from perennial.plan.monitoring.questions import longest_interval
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial_artifact.outcomes import AGES, VERSION_LENGTH, Outcomes, add_outcomes
from perennial_statistics.bursts import phi_of_neighbours
from perennial_statistics.late_labels import FEWEST_LABELS, LOWEST_COVERAGE
from perennial_statistics.numbers import counted, in_percent

PATIENCE_SECONDS = 60.0
"""How long a silent pod is waited for, or two intervals; then its part is lost."""
TYPE = "PerformanceKept"
LATENESS_UNKNOWN = (
    "the log has too few labels to know how late they come: give spec.performance.maturity, or wait"
)
SPANS = 2
"""The window, and the newest quarter of it."""


def judge(s: MonitorSnapshot, status: MonitorStatus, report: Report) -> Judgement | None:
    """Say which limits are broken; what is not known is never called kept."""
    asked = s.monitor.spec.performance
    if asked is None or not asked.metrics:
        return None
    if asked.is_from_log:
        return of_report(s, status)
    if seconds(s.monitor.spec.interval) > (longest := longest_interval(asked)):
        message = f"pods are asked each {s.monitor.spec.interval}, and at once they are asked of "
        message += f"{_length(longest // 60 * 60)} at most with a performance.window of "
        message += f"{asked.window}: make spec.interval shorter, or the window longer"
        return Judgement(condition(TYPE, None, "InvalidSpec", message))
    stable = s.deployment.status.stable if s.deployment is not None else None
    if stable is None or s.answers is None:
        why = report if isinstance(report, Finding) else Finding("NotAsked")
        return Judgement(condition(TYPE, None, why.reason, why.message))
    version = stable.artifact.sha256[:VERSION_LENGTH]
    known = cohorts.begun(asked, status.performance, version)
    before = known.judged_until
    known, found = _read(s, asked, known)
    if known.judged_until is None:
        message = "nothing was read yet of what became known of predictions"
        return Judgement(condition(TYPE, None, "NothingKnown", message), {"performance": known})
    if known.judged_until != before:
        mature = cohorts.maturity(asked, known)
        known = cohorts.trimmed(asked, known, mature if mature is not None else AGES[-1])
        spacing = seconds(s.monitor.spec.interval)

        def lacks(index: int, measure: Measure) -> str:
            return measure.lacks(s.monitor.spec.deployment_ref.name, found)

        known = _judged(s, asked, known, mature, lacks, spacing)
    if outdated := _outdated(s, known, "pod", 2 * _patience(s)):
        return outdated
    told = _told(s, known)
    if told.condition.status == "True" and (unheard := s.unheard(s.asked - s.silent)):
        return Judgement(verdict(TYPE, None, unheard), told.changes)
    return told


def of_report(s: MonitorSnapshot, status: MonitorStatus) -> Judgement | None:
    """Judge what the newest report told, which may be of another version, or of other metrics."""
    asked = s.monitor.spec.performance
    if asked is None or not asked.metrics or not asked.is_from_log:
        return None
    stable = s.deployment.status.stable if s.deployment is not None else None
    version = stable.artifact.sha256[:VERSION_LENGTH] if stable is not None else ""
    known = cohorts.begun(asked, status.performance, version)
    if known.judged_until is None:
        report = status.report
        why = report.message if report is not None and report.failures else ""
        message = f"no report on this version has told anything yet{f': {why}' if why else ''}"
        return Judgement(condition(TYPE, None, "NothingReported", message), {"performance": known})

    def lacks(index: int, measure: Measure) -> str:
        return known.lacks[index] if index < len(known.lacks) else ""

    made = s.monitor.spec.report
    spacing = seconds(made.every) if made is not None else 0.0
    deadline = seconds(made.deadline) if made is not None else 0.0
    known = _judged(s, asked, known, cohorts.maturity(asked, known), lacks, spacing)
    longest = 2 * (spacing + deadline) + PATIENCE_SECONDS
    return _outdated(s, known, "report", longest) or _told(s, known)


def _patience(s: MonitorSnapshot) -> float:
    return max(PATIENCE_SECONDS, 2 * seconds(s.monitor.spec.interval))


def _outdated(
    s: MonitorSnapshot, known: PerformanceStatus, who: str, longest: float
) -> Judgement | None:
    """Say that nothing newer was told for so long that what is known says nothing of today."""
    assert known.judged_until is not None
    age = (s.now - known.judged_until).total_seconds()
    if abs(age) <= longest:
        return None
    message = f"no {who} has told anything since {known.judged_until:%Y-%m-%d %H:%M:%S}"
    if age < 0:
        message = (
            f"it is known up to {known.judged_until:%Y-%m-%d %H:%M:%S}, which is to come: the "
            "operator's clock was ahead, and no pod is asked until then"
        )
    forgotten = [_unknown(m, f"{m.name}: {message}") for m in known.metrics]
    changes = {"performance": known.model_copy(update={"metrics": forgotten})}
    return Judgement(condition(TYPE, None, "Outdated", message), changes)


def _read(
    s: MonitorSnapshot, asked: Performance, known: PerformanceStatus
) -> tuple[PerformanceStatus, Outcomes | None]:
    """Return what is known with what arrived since, and what pods told of the version of late."""
    assert s.deployment is not None and s.deployment.status.stable is not None
    stable, found = s.deployment.status.stable, []
    patience = _patience(s)
    for start, answers in s.outcomes:
        is_silent = any(answers.silent(revision) for revision in answers.asked)
        is_late = s.now.timestamp() - answers.until >= patience
        if not any(a.window for a in answers.received) or (is_silent and not is_late):
            break  # what nobody told is asked for again
        came = answers.arrived().of(stable.artifact.sha256)
        begins = known.since.timestamp() if known.since is not None else start
        is_new = stable.start_time is not None and begins <= stable.start_time.timestamp() + 60
        known = cohorts.added(asked, known, came, start, answers.until, is_new)
        found += [came] if came is not None else []
    merged = add_outcomes([found])
    return known, merged[0] if merged else None


def _judged(
    s: MonitorSnapshot,
    asked: Performance,
    known: PerformanceStatus,
    mature: int | None,
    lacks: Callable[[int, Measure], str],
    spacing: float,
) -> PerformanceStatus:
    """Return what is known, with what it says of each metric; looks are so many seconds apart."""
    alpha = alpha_of_each(s.monitor.spec) / len(asked.metrics) / SPANS
    alpha *= min(1.0, spacing / seconds(asked.window))
    metrics = []
    for index, (each, metric) in enumerate(zip(asked.metrics, known.metrics, strict=True)):
        measure = measure_of(each)
        age = mature if measure.matures else 0
        why = lacks(index, measure) or _too_late(asked, known, age)
        if why or age is None:
            metrics.append(_unknown(metric, f"{metric.name}: {why}"))
            continue
        settled, older = cohorts.window(asked, known, age)
        one = _One(metric, measure, index, alpha)
        metrics.append(one.judged(settled, older, age, _coverage(known, settled, older, measure)))
    settled, older = cohorts.window(asked, known, mature or 0)
    come = [
        _coverage(known, settled, older, m) for m in map(measure_of, asked.metrics) if m.matures
    ]
    coverages = [c for c in come if c is not None]
    changes = {
        "metrics": metrics,
        "maturity_seconds": mature,
        "coverage": round(min(coverages), 3) if coverages else None,
    }
    return known.model_copy(update=changes)


def _too_late(asked: Performance, known: PerformanceStatus, age: int | None) -> str:
    """Return why it is not known when labels are in, '' where it is."""
    if asked.is_from_log:
        return "" if age is not None else LATENESS_UNKNOWN
    if age is None:
        watched = (known.judged_until, known.delays_since)
        hours = cohorts.LEARNED_SECONDS / 3600
        if watched[0] and watched[1] and (watched[0] - watched[1]).total_seconds() < hours * 3600:
            return (
                f"how late labels come is known after {hours:.0f} hours of watching, since "
                f"{watched[1]:%Y-%m-%d %H:%M}: give spec.performance.maturity to judge sooner"
            )
        return (
            f"fewer than {FEWEST_LABELS} labels have come within a day: send feedback with "
            "receipts, or give spec.performance.maturity"
        )
    if age > cohorts.longest_maturity(asked):
        return (
            f"labels come up to {age / 3600:g} hours late, and a window of {asked.window} can wait "
            f"for {cohorts.longest_maturity(asked) / 3600:.2g}: give spec.performance a longer one"
        )
    return ""


def _coverage(
    known: PerformanceStatus,
    settled: Sequence[Cohort],
    older: Sequence[Cohort],
    measure: Measure,
) -> float | None:
    """Return the share of what is due that has come; None where it is not known what is."""
    if not measure.matures:
        return None
    of_rewards = measure.unit == "reward"
    comes = cohorts.share_that_comes(known, older, of_rewards)
    given = sum(c.given for c in settled)
    if not comes or not given:
        return None
    return min(1.0, sum(c.rewards if of_rewards else c.labels for c in settled) / (given * comes))


@dataclass(frozen=True)
class _One:
    """One metric, held against its limit."""

    metric: PerformanceMetricStatus
    measure: Measure
    index: int
    alpha: float
    """For each span."""

    def judged(
        self,
        settled: Sequence[Cohort],
        older: Sequence[Cohort],
        age: int,
        coverage: float | None,
    ) -> PerformanceMetricStatus:
        """Return what the window says, and its newest quarter."""
        rows = sum(rows for rows, _, _ in cohorts.counts_of(settled, self.index))
        name, unit = self.metric.name, self.measure.unit
        if rows < FEWEST_LABELS:
            of = f" of predictions more than {_length(age)} old" if self.measure.matures else ""
            few = f"{name}: {counted(rows, unit)}{of} in the window, {FEWEST_LABELS} are needed"
            return _unknown(self.metric, few, rows)
        if coverage is not None and coverage < LOWEST_COVERAGE:
            few = (
                f"{name}: {in_percent(coverage)} of the {unit}s that are due have come, and half "
                "are needed: those that come first are not like the others"
            )
            return _unknown(self.metric, few, rows)
        every = cohorts.counts_of([*older, *settled], self.index)
        phi = phi_of_neighbours([(rows, events) for rows, events, _ in every])
        spans = (settled, settled[len(settled) * 3 // 4 :])
        whole, late = (
            self.measure.bounds(cohorts.counts_of(span, self.index), phi, self.alpha)
            for span in spans
        )
        for bound in (*whole, *late):
            if bound.verdict.outcome == "Failed":
                return self._told(bound, "Broken")
        beyond = [b for b in whole if not b.is_within]
        if any(b.verdict.value is None for b in whole):
            few = f"{name}: {counted(rows, unit)} are too few to know how they vary"
            return _unknown(self.metric, few, rows)
        return self._told(beyond[0], "Undecided") if beyond else self._told(whole[0], "Kept")

    def _told(self, bound: Bound, verdict: str) -> PerformanceMetricStatus:
        shown, found = self.measure.shown, bound.verdict
        assert found.value is not None and found.low is not None and found.high is not None
        message = (
            f"{self.metric.name}: {self.measure.noun} {shown(found.value)} of "
            f"{counted(found.requests, self.measure.unit)}, {bound.words} is asked for; it is "
            f"truly {shown(found.low)} to {shown(found.high)} (95% sure)"
        )
        if verdict == "Undecided":
            message += ", so it may be chance"
        changes = {
            "verdict": verdict,
            "message": message,
            "value": float(f"{found.value:.6g}"),
            "low": float(f"{found.low:.6g}"),
            "high": float(f"{found.high:.6g}"),
            "p": rounded(found.p) if found.p is not None else None,
            "rows": found.requests,
        }
        return self.metric.model_copy(update=changes)


def _unknown(
    metric: PerformanceMetricStatus, message: str, rows: float = 0.0
) -> PerformanceMetricStatus:
    return PerformanceMetricStatus(name=metric.name, message=message, rows=rows)


def _told(s: MonitorSnapshot, known: PerformanceStatus) -> Judgement:
    """Return the condition, what is new in it, and whether something is to be done."""
    by_verdict: dict[str, list[str]] = {}
    for metric in known.metrics:
        by_verdict.setdefault(metric.verdict, []).append(metric.message)
    changes, before = {"performance": known}, was(s, TYPE)
    if broken := by_verdict.get("Broken"):
        message = "; ".join(broken[:3])
        events = (Event("PerformanceBroken", message, "Warning"),) if before != "False" else ()
        cause = Cause("performance", "predicts worse", message, of_answers=True)
        found = condition(TYPE, False, "LimitsBroken", message)
        return Judgement(found, changes, events, cause, True)
    if unknown := by_verdict.get("Unknown"):
        return Judgement(condition(TYPE, None, "TooLittleKnown", "; ".join(unknown[:3])), changes)
    if undecided := by_verdict.get("Undecided"):
        return Judgement(condition(TYPE, None, "MayBeChance", "; ".join(undecided[:3])), changes)
    message = "; ".join(by_verdict["Kept"][:3])
    kept = (Event("PerformanceRestored", message),) if before == "False" else ()
    return Judgement(condition(TYPE, True, "WithinLimits", message), changes, kept, None, False)


def _length(age: int) -> str:
    if age % 3600 == 0:
        return f"{age // 3600} h"
    return f"{age // 60} min" if age % 60 == 0 else f"{age} s"
