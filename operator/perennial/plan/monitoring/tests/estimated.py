"""Whether the model does as well on live inputs, as far as scores tell before labels come."""

from statistics import NormalDist

from perennial.api.monitor import EstimatedPerformance, EstimatedStatus, MonitorStatus
from perennial.api.values import seconds
from perennial.plan.core import Event, Finding, condition, verdict
from perennial.plan.monitoring.alpha import alpha_of_each
from perennial.plan.monitoring.finding import Cause, Judgement, Report, was
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial_artifact.outcomes import Outcomes
from perennial_artifact.profile import HeldOut
from perennial_artifact.scores import EDGES
from perennial_statistics.estimated_performance import (
    Estimate,
    degraded,
    isotonic_rates,
    joined_bins,
    two_classes,
)

TYPE = "EstimateKept"
BYTES = range(1, len(EDGES) + 2)
"""Of probabilities, from the lowest to the highest."""
FIRST_POSITIVE = len(EDGES) // 2 + 1
"""The place among them from which the second class is the answer."""
FEWEST_HELD_OUT = 100
BLIND = "that the same inputs mean something else now it cannot see"


def judge(s: MonitorSnapshot, status: MonitorStatus, report: Report) -> Judgement | None:
    """Say whether the estimate is below what was measured on held-out rows, beyond chance."""
    performance = s.monitor.spec.performance
    asked = performance.estimated if performance is not None else None
    if asked is None:
        return None
    found = _estimated(s, asked)
    if isinstance(found, Finding):
        why = report if isinstance(report, Finding) and s.answers is None else found
        return Judgement(verdict(TYPE, None, why), {"estimated": EstimatedStatus()})
    estimate, before, rows, held_out = found
    reference = before.value
    changes = {
        "estimated": EstimatedStatus(
            metric=asked.metric,
            value=round(estimate.value, 4),
            standard_error=round(estimate.standard_error, 4),
            reference=round(reference, 4),
            rows=rows,
        )
    }
    message = (
        f"{asked.metric} is estimated as {estimate.value:.3f} (standard error "
        f"{estimate.standard_error:.2g}) over {rows:,} predictions, {reference:.3f} on held-out "
        f"rows; {BLIND}"
    )
    was_kept = was(s, TYPE)
    mix = before.of_a_row * (1 / rows + 1 / held_out)
    if degraded(estimate, reference, asked.maximum_decrease, _sureness(s), mix):
        events = (Event("EstimateFell", message, "Warning"),) if was_kept != "False" else ()
        cause = Cause("estimated", "is likely to predict worse", message)
        told = condition(TYPE, False, "EstimateFell", message)
        return Judgement(told, changes, events, cause, True)
    assert s.answers is not None
    if unheard := s.unheard(s.asked - len(s.answers.arrived().lacking)):
        return Judgement(verdict(TYPE, None, unheard), changes)
    back = (Event("EstimateKept", message),) if was_kept == "False" else ()
    return Judgement(condition(TYPE, True, "WithinLimits", message), changes, back, None, False)


def _sureness(s: MonitorSnapshot) -> float:
    """Return the standard errors that rule out chance, at all looks of a window together."""
    spec = s.monitor.spec
    alpha = alpha_of_each(spec) * min(1.0, seconds(spec.interval) / seconds(spec.window))
    return NormalDist().inv_cdf(1 - alpha)


def _estimated(
    s: MonitorSnapshot, asked: EstimatedPerformance
) -> tuple[Estimate, Estimate, int, int] | Finding:
    """Return the estimate, the same of the held-out rows, and the rows behind both; or a lack."""
    if s.answers is None or s.profile is None:
        return Finding("NoWindows", "no pod told which profile it counts on")
    known = s.profile.held_out
    if known is None or known.score != "Probability":
        return Finding(
            "NoHeldOutScores",
            "the model's profile.json does not tell how often each score was right: only models "
            "of two classes with probabilities have that, which were trained since it is told",
        )
    stable = s.deployment.status.stable if s.deployment is not None else None
    live = s.answers.arrived().of(stable.artifact.sha256) if stable is not None else None
    if live is None:
        return Finding(
            "NoScores", "the pods do not count scores: the ModelDeployment needs serving.receipts"
        )
    return _beside(known, live, asked, s.monitor.spec.minimum_samples)


def _beside(
    known: HeldOut, live: Outcomes, asked: EstimatedPerformance, fewest: int
) -> tuple[Estimate, Estimate, int, int] | Finding:
    if live.score != known.score or live.classes != known.classes:
        return Finding("OtherClasses", "the pods' classes are not those of the model's profile")
    second = known.classes[1]
    positives = [known.labels.get(second, {}).get(byte, 0) for byte in BYTES]
    rows = [sum(counts.get(byte, 0) for counts in known.labels.values()) for byte in BYTES]
    window = [live.given.get(byte, 0) for byte in BYTES]
    if sum(rows) < FEWEST_HELD_OUT or not 0 < sum(positives) < sum(rows):
        few = f"{sum(rows)} held-out rows are too few to estimate by, or all of one class"
        return Finding("TooFewHeldOut", few)
    if sum(window) < fewest:
        few = f"{sum(window)} predictions came in the window, {fewest} are needed"
        return Finding("TooFewSamples", few)
    bins = joined_bins(rows, FIRST_POSITIVE)
    first = next(n for n, places in enumerate(bins) if places.start == FIRST_POSITIVE)
    positives, rows, window = (
        [sum(counts[places.start : places.stop]) for places in bins]
        for counts in (positives, rows, window)
    )
    rates = isotonic_rates(positives, rows)
    estimate = two_classes(rates, rows, window, first).get(asked.metric)
    before = two_classes(rates, rows, rows, first).get(asked.metric)
    if estimate is None or before is None:
        none = f"nothing was predicted of {second}, so there is no {asked.metric}"
        return Finding("NotDefined", none)
    return estimate, before, sum(window), sum(rows)
