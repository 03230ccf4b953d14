"""One metric: what its test carries on from look to look, and what it says by now."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from perennial.api.deployment import AnalysisMetric, MetricStatus
from perennial.plan.rollout.analysis.counts import Counts
from perennial.plan.rollout.analysis.metrics import metric_of, outcome_metric, request_metric
from perennial.plan.rollout.analysis.tests import against_stable, limit
from perennial_statistics.against_stable import StablePast
from perennial_statistics.numbers import counted, kept
from perennial_statistics.verdict import Verdict

HISTORY_REQUESTS = 1000.0
"""As many requests all that stable counted before the first look is worth at most: what it is now
is to outweigh what it once was."""
MESSAGE = "nothing was measured yet"


def key_of(asked: AnalysisMetric) -> str:
    """Return a hash of what a metric asks; its evidence begins anew where that has changed."""
    written = asked.to_json()
    for name in ("name", "mode", "warmUp"):
        written.pop(name, None)
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()[:10]


def compares(asked: AnalysisMetric) -> bool:
    """Tell whether a metric holds the canary against stable, rather than against a limit."""
    if asked.outside is not None:
        return False
    return metric_of(asked).compares(asked)


def begin(asked: AnalysisMetric, alpha: float) -> MetricStatus:
    """Return what is known of a metric before its first look.

    Args:
        asked: what is asked.
        alpha: its part of the risk of a false rollback, for the whole rollout.
    """
    message = f"{asked.name}: {MESSAGE}"
    return MetricStatus(name=asked.name, key=key_of(asked), alpha=alpha, message=message)


def is_sound(asked: AnalysisMetric, known: MetricStatus) -> bool:
    """Tell whether what was carried on is about this metric, and can be read."""
    if known.key != key_of(asked):
        return False
    try:
        counted_bounds(asked, known)
        verdict(asked, known)
    except ValueError:
        return False
    return True


def with_bounds(
    asked: AnalysisMetric, known: MetricStatus, bounds: Sequence[float], stable: Counts
) -> MetricStatus:
    """Return what is known with the bounds of latency that the metric counts at, chosen once."""
    metric = request_metric(asked)
    return known if metric is None else metric.with_bounds(asked, known, bounds, stable)


def counted_bounds(asked: AnalysisMetric, known: MetricStatus) -> list[float]:
    """Return the bounds of latency that a metric needs."""
    metric = request_metric(asked)
    return [] if metric is None else metric.bounds(asked, known)


def has_begun(asked: AnalysisMetric, known: MetricStatus | None) -> bool:
    """Tell whether there is evidence to go on from, of requests."""
    if request_metric(asked) is None:
        return True
    return known is not None and bool(known.canary) and is_sound(asked, known)


def waits_for_bounds(asked: AnalysisMetric, known: MetricStatus) -> bool:
    """Tell whether a metric cannot be counted yet, or is none of requests."""
    metric = request_metric(asked)
    return metric is None or metric.is_waiting(known)


def learned(
    asked: AnalysisMetric,
    known: MetricStatus,
    before: Counts,
    newest: Iterable[Counts],
    bounds: Sequence[float],
) -> MetricStatus:
    """Return the beginning of the evidence, with what stable counted before the first look.

    Args:
        asked: what is asked.
        known: of it.
        before: all that stable counted: its share is known by that.
        newest: the end of it, step by step: whether errors come in bursts. An outage long ago says
            nothing of that.
        bounds: of latency, in seconds.
    """
    metric = request_metric(asked)
    if metric is None:
        return known
    all_of_it = metric.counted(asked, known, before, bounds)
    past = StablePast.none(len(all_of_it.events))
    for counts in newest:
        past = past.after(metric.counted(asked, known, counts, bounds))
    worth = min(1.0, HISTORY_REQUESTS / max(1.0, all_of_it.requests))
    events = tuple(kept(x * worth) for x in all_of_it.events)
    past = StablePast(kept(all_of_it.requests * worth), events, past.bursts)
    return against_stable.begin(known, past) if compares(asked) else limit.begin(known, past)


def after(
    asked: AnalysisMetric,
    known: MetricStatus,
    canary: Counts,
    stable: Counts,
    bounds: Sequence[float],
) -> MetricStatus:
    """Return what is known after one more look.

    Args:
        asked: what is asked.
        known: of it, begun by ``learned``.
        canary: what the canary counted since the last look; nothing while it warms up.
        stable: what stable counted in the same time.
        bounds: of latency, in seconds.

    Raises:
        ValueError: what was carried on is something else; begin anew.
    """
    metric = request_metric(asked)
    if metric is None:
        return known
    ours, theirs = (metric.counted(asked, known, arm, bounds) for arm in (canary, stable))
    if compares(asked):
        return against_stable.after(known, ours, theirs, metric.margins(asked, known))
    possibly = metric.possibly(asked, ours, canary, bounds)
    return limit.after(known, ours, theirs, possibly, metric.highest(asked))


def verdict(asked: AnalysisMetric, known: MetricStatus) -> Verdict:
    """Return what a metric's test says by now.

    Raises:
        ValueError: what was carried on is something else; begin anew.
    """
    if not known.canary:
        return Verdict("Undecided", f"{asked.name}: {MESSAGE}", 0.0)
    if (of_outcomes := outcome_metric(asked)) is not None:
        return of_outcomes.verdict(asked, known)
    metric = request_metric(asked)
    assert metric is not None
    if metric.compares(asked):
        margins = metric.margins(asked, known)
        return against_stable.verdict(known, metric.what(known), margins, asked.name)
    return metric.limit_verdict(asked, known, limit.carried(known))


def summary(asked: AnalysisMetric, found: Verdict) -> str:
    """Return a verdict's numbers in half a sentence; '' where there are none.

    "false-positive rate 7.1% against 3.9% of stable, p = 0.003 after 1,840 labels".
    """
    metric = metric_of(asked)
    words = metric.words(asked)
    if found.value is None:
        return ""
    told = f"{words.noun} {words.shown(found.value)}"
    if found.reference is not None:
        whose = "of stable" if is_stables(asked) else "allowed"
        told += f" against {words.shown(found.reference)} {whose}"
    if found.p is not None and found.outcome == "Failed":
        told += f", p {chance(found.p)}"
    told += f" after {counted(found.requests, words.unit)}"
    if found.outcome == "Successful" and found.p is not None:
        return f"{told}: within what is allowed, p {chance(found.p)}"
    if found.outcome == "Undecided":
        told += ": it looks worse" if found.suspected else ": undecided"
    return told


def is_stables(asked: AnalysisMetric) -> bool:
    """Tell whether a metric's reference is what stable has, rather than a limit."""
    return getattr(metric_of(asked).limit_of(asked), "against_stable", None) is not None


def chance(p: float) -> str:
    """Return a p-value for people: = 0.003."""
    return "< 0.000001" if p < 1e-6 else f"= {float(f'{p:.2g}'):f}".rstrip("0").rstrip(".")
