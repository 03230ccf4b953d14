"""Which features have more missing, impossible, unknown or equal values than they may; and whether
more requests are refused for their values, or more rows repeat another one."""

from collections import Counter
from collections.abc import Sequence

from perennial.api.monitor import MonitorStatus, QualityBreach
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding, condition, verdict
from perennial.plan.monitoring.alpha import alpha_of_each
from perennial.plan.monitoring.finding import KEPT, Judgement, Report, rounded, was
from perennial.plan.monitoring.report_job import window_seconds
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial_artifact.usage import OF_INPUTS, Slice, total
from perennial_statistics.design_effect import design_effect
from perennial_statistics.drift import QualityBreach as Breach
from perennial_statistics.numbers import counted, in_percent
from perennial_statistics.quality import refused

Told = tuple[QualityBreach, str]
"""A broken limit, and what is said of it."""


def judge(s: MonitorSnapshot, status: MonitorStatus, report: Report) -> Judgement:
    """Say which limits are broken; where all requests are refused, there are no values to test."""
    found = [each for each in (_refused(s), _repeated(s, status)) if each is not None]
    if isinstance(report, Finding):
        if not found:
            return Judgement(condition("QualityPassed", None, report.reason))
    else:
        found += [(_breach(b), _sentence(b)) for b in report.breaches[: KEPT - len(found)]]
    breaches, messages = [b for b, _ in found], [message for _, message in found]
    if not breaches and (unheard := s.unheard(s.answered)):
        return Judgement(verdict("QualityPassed", None, unheard), {"quality": breaches})
    if not breaches:
        return Judgement(condition("QualityPassed", True, "WithinLimits"), {"quality": breaches})
    message = ", ".join(messages[:3])
    is_news = was(s, "QualityPassed") != "False"
    events = (Event("QualityLimitsBroken", message, "Warning"),) if is_news else ()
    broken = condition("QualityPassed", False, "QualityLimitsBroken", message)
    return Judgement(broken, {"quality": breaches}, events)


def _breach(b: Breach) -> QualityBreach:
    return QualityBreach(
        feature=b.feature,
        check=b.check,
        fraction=round(b.share, 4),
        maximum=b.limit,
        p=rounded(b.p),
    )


def _sentence(b: Breach) -> str:
    if b.check == "Constant":
        return f"{b.feature} Constant: it has one value alone, and varied in the reference"
    return f"{b.feature} {b.check} {in_percent(b.share)}, {in_percent(b.limit)} may"


def _refused(s: MonitorSnapshot) -> Told | None:
    """Return the breach where too many requests are refused for their inputs, and what it says."""
    spec, used = s.monitor.spec, s.used
    limit = spec.quality.refused_maximum
    if limit >= 1 or used is None:
        return None
    slices = used.usage.slices
    requests = sum(each.requests for each in slices)
    if requests < spec.minimum_samples:
        return None
    effect = design_effect([[n := _of_inputs([each]), each.requests - n] for each in slices])
    found = refused(_of_inputs(slices), requests, limit, effect)
    window, interval = seconds(spec.window), seconds(spec.interval)
    if found.share <= limit or found.p > alpha_of_each(spec) * min(1.0, interval / window):
        return None
    by_cause, worst = _causes(slices)
    breach = QualityBreach(
        feature=worst,
        check="Refused",
        fraction=round(found.share, 4),
        maximum=limit,
        p=rounded(found.p),
    )
    told = ", ".join(f"{cause} {in_percent(n / requests)}" for cause, n in by_cause)
    most = f", mostly for {worst}" if worst else ""
    message = (
        f"{in_percent(found.share)} of {counted(requests, 'request')} are refused for their inputs "
        f"({told}{most}), {in_percent(limit)} may"
    )
    return breach, message


def _repeated(s: MonitorSnapshot, status: MonitorStatus) -> Told | None:
    """Return the breach where the newest report counted too many equal rows, and what it says."""
    spec, report = s.monitor.spec, status.report
    limit, asked = spec.quality.duplicates_maximum, spec.report
    counted_rows = report.equal_rows if report is not None else None
    stable = s.deployment.status.stable if s.deployment is not None else None
    if limit >= 1 or asked is None or counted_rows is None or stable is None:
        return None
    found, every = counted_rows, seconds(asked.every)
    age = (s.now - found.time).total_seconds()
    is_of_this = stable.artifact.sha256.startswith(found.version)
    if not is_of_this or age > 2 * (every + seconds(asked.deadline)):
        return None
    beyond = found.fraction - found.usual
    alpha = alpha_of_each(spec) * min(1.0, every / window_seconds(spec))
    if found.rows < spec.minimum_samples or beyond <= limit or found.p > alpha:
        return None
    breach = QualityBreach(
        feature="", check="Duplicates", fraction=round(beyond, 4), maximum=limit, p=found.p
    )
    message = (
        f"{in_percent(found.fraction)} of {counted(found.rows, 'row')} repeat another one, which "
        f"{in_percent(found.usual)} of the reference do, {in_percent(limit)} more may"
    )
    return breach, message


def _of_inputs(slices: Sequence[Slice]) -> int:
    """Return how many requests were refused for an input."""
    return sum(r.requests for each in slices for r in each.refusals if r.cause in OF_INPUTS)


def _causes(slices: Sequence[Slice]) -> tuple[list[tuple[str, int]], str]:
    """Return refusals by cause, the most first, and the input that most are about, '' for none."""
    _, refusals, _, _ = total(slices)
    causes, inputs = Counter[str](), Counter[str]()
    for (cause, name), n in refusals.items():
        if cause in OF_INPUTS:
            causes[cause] += n
            inputs[name] += n
    ((worst, _),) = inputs.most_common(1)
    return causes.most_common(), worst
