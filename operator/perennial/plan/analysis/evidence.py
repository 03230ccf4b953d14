"""One metric: what its test carries on from look to look, and what it says by now."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence

from perennial.api.base import seconds
from perennial.api.deployment import AnalysisMetric, MetricStatus, RateLimit
from perennial.plan.analysis.arms import Counts
from perennial.plan.statistics.against_stable import AgainstStable, StablePast
from perennial.plan.statistics.latency import (
    ComparedBounds,
    beyond,
    compared_bounds,
    latency_verdict,
    slower,
)
from perennial.plan.statistics.limits import AgainstLimit
from perennial.plan.statistics.numbers import kept
from perennial.plan.statistics.proportions import Counted
from perennial.plan.statistics.verdict import Verdict

DEFAULT_QUANTILE = 0.99
HISTORY_REQUESTS = 1000.0
"""As many requests all that stable counted before the first look is worth at most: what it is now
is to outweigh what it once was."""
MESSAGE = "nothing was measured yet"


def key_of(metric: AnalysisMetric) -> str:
    """Return a hash of what a metric asks; its evidence begins anew where that has changed."""
    asked = metric.to_json()
    for name in ("name", "mode", "warmUp"):
        asked.pop(name, None)
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:10]


def compares(metric: AnalysisMetric) -> bool:
    """Tell whether a metric holds the canary against stable, rather than against a limit."""
    asked = metric.error_rate or metric.refusal_rate or metric.latency
    return asked is not None and asked.against_stable is not None


def begin(metric: AnalysisMetric, alpha: float) -> MetricStatus:
    """Return what is known of a metric before its first look.

    Args:
        metric: what is asked.
        alpha: its part of the risk of a false rollback, for the whole rollout.
    """
    told = f"{metric.name}: {MESSAGE}"
    return MetricStatus(name=metric.name, key=key_of(metric), alpha=alpha, message=told)


def is_sound(metric: AnalysisMetric, known: MetricStatus) -> bool:
    """Tell whether what was carried on is about this metric, and can be read."""
    if known.key != key_of(metric):
        return False
    try:
        counted_bounds(metric, known)
        verdict(metric, known)
    except ValueError:
        return False
    return True


def with_bounds(
    metric: AnalysisMetric, known: MetricStatus, bounds: Sequence[float], stable: Counts
) -> MetricStatus:
    """Return what is known with the bounds of latency that the metric counts at, chosen once.

    Args:
        metric: what is asked.
        known: of it.
        bounds: all bounds that the pods count at, in seconds.
        stable: all that stable counted, at these bounds.
    """
    if metric.latency is None or known.bounds or not bounds:
        return known
    if metric.latency.maximum is None:
        chosen = compared_bounds(bounds, stable.by_bucket())
        return known.model_copy(update={"bounds": chosen.to_list()}) if chosen else known
    at = slower(bounds, [0.0] * (len(bounds) + 1), _longest(metric, bounds))
    around = sorted({at.lower, at.upper} & set(bounds))
    return known.model_copy(update={"bounds": around})


def counted_bounds(metric: AnalysisMetric, known: MetricStatus) -> list[float]:
    """Return the bounds of latency that a metric needs."""
    if metric.latency is None or not known.bounds:
        return []
    if metric.latency.maximum is None:
        return list(ComparedBounds.from_list(known.bounds).bounds)
    return list(known.bounds)


def has_begun(metric: AnalysisMetric, known: MetricStatus | None) -> bool:
    """Tell whether there is evidence to go on from."""
    return known is not None and bool(known.canary) and is_sound(metric, known)


def waits_for_bounds(metric: AnalysisMetric, known: MetricStatus) -> bool:
    """Tell whether a metric of latency cannot be counted yet."""
    return metric.latency is not None and not known.bounds


def learned(
    metric: AnalysisMetric,
    known: MetricStatus,
    before: Counts,
    newest: Iterable[Counts],
    bounds: Sequence[float],
) -> MetricStatus:
    """Return the beginning of the evidence, with what stable counted before the first look.

    Args:
        metric: what is asked.
        known: of it.
        before: all that stable counted: its share is known by that.
        newest: the end of it, step by step: whether errors come in bursts. An outage long ago says
            nothing of that.
        bounds: of latency, in seconds.
    """
    all_of_it = _counted(metric, known, before, bounds)
    past = StablePast.none(len(all_of_it.events))
    for counts in newest:
        past = past.after(_counted(metric, known, counts, bounds))
    worth = min(1.0, HISTORY_REQUESTS / max(1.0, all_of_it.requests))
    events = tuple(kept(x * worth) for x in all_of_it.events)
    past = StablePast(kept(all_of_it.requests * worth), events, past.bursts)
    if compares(metric):
        return known.model_copy(update=AgainstStable.begin(past).to_json())
    begun = {"canary": AgainstLimit.begin().to_list(), "stable": past.to_list()}
    return known.model_copy(update=begun)


def after(
    metric: AnalysisMetric,
    known: MetricStatus,
    canary: Counts,
    stable: Counts,
    bounds: Sequence[float],
) -> MetricStatus:
    """Return what is known after one more look.

    Args:
        metric: what is asked.
        known: of it, begun by ``learned``.
        canary: what the canary counted since the last look; nothing while it warms up.
        stable: what stable counted in the same time.
        bounds: of latency, in seconds.

    Raises:
        ValueError: what was carried on is something else; begin anew.
    """
    ours, theirs = (_counted(metric, known, arm, bounds) for arm in (canary, stable))
    if compares(metric):
        test = AgainstStable.from_json(_carried(known), len(ours.events))
        test = test.after(ours, theirs, _margins(metric, known))
        return known.model_copy(update=test.to_json())
    past = StablePast.from_list(known.stable)
    phi = past.bursts.phi()[0] if past.requests else 1.0
    surely = possibly = ours.events[0]
    if metric.latency is not None and metric.latency.maximum is not None:
        at = slower(bounds, _buckets(canary, bounds), _longest(metric, bounds))
        possibly = at.possibly
    limit = AgainstLimit.from_list(known.canary)
    limit = limit.after(ours.requests, surely, possibly, _limit(metric), phi)
    found = {"canary": limit.to_list(), "stable": past.after(theirs).to_list()}
    return known.model_copy(update=found)


def verdict(metric: AnalysisMetric, known: MetricStatus) -> Verdict:
    """Return what a metric's test says by now.

    Raises:
        ValueError: what was carried on is something else; begin anew.
    """
    name, alpha = metric.name, known.alpha
    if not known.canary:
        return Verdict("Undecided", f"{name}: {MESSAGE}", 0.0)
    if compares(metric):
        what = _what(metric, known)
        test = AgainstStable.from_json(_carried(known), len(what))
        return test.verdict(what, _margins(metric, known), alpha, name)
    limit = AgainstLimit.from_list(known.canary)
    if metric.latency is not None and metric.latency.maximum is not None:
        most, quantile = _longest(metric, known.bounds), 1 - _limit(metric)
        return latency_verdict(limit, known.bounds, most, quantile, alpha, name)
    return limit.verdict(_what(metric, known)[0], _limit(metric), alpha, name)


def _carried(known: MetricStatus) -> dict[str, Sequence[float]]:
    return {"canary": known.canary, "stable": known.stable}


def _rate(metric: AnalysisMetric) -> RateLimit:
    rate = metric.error_rate or metric.refusal_rate
    assert rate is not None, f"{metric.name} asks nothing"
    return rate


def _limit(metric: AnalysisMetric) -> float:
    """Return the highest share that is allowed."""
    if metric.latency is not None:
        quantile = metric.latency.quantile
        return 1 - (DEFAULT_QUANTILE if quantile is None else quantile)
    return _rate(metric).maximum or 0.0


def _longest(metric: AnalysisMetric, bounds: Sequence[float]) -> float:
    """Return the longest time that is allowed, in seconds; beyond the last bound nothing is."""
    assert metric.latency is not None and metric.latency.maximum is not None
    return min(seconds(metric.latency.maximum), *bounds[-1:], math.inf)


def _margins(metric: AnalysisMetric, known: MetricStatus) -> Sequence[float]:
    if metric.latency is not None:
        return ComparedBounds.from_list(known.bounds).margins
    against = _rate(metric).against_stable
    assert against is not None
    return [against.maximum_increase]


def _what(metric: AnalysisMetric, known: MetricStatus) -> Sequence[str]:
    if metric.latency is not None:
        return ComparedBounds.from_list(known.bounds).what
    return ["failed" if metric.error_rate is not None else "were refused"]


def _counted(
    metric: AnalysisMetric, known: MetricStatus, arm: Counts, bounds: Sequence[float]
) -> Counted:
    """Return the requests of an arm, and how many of them are what the metric asks about."""
    if metric.error_rate is not None:
        return Counted(arm.requests, (arm.errors,))
    if metric.refusal_rate is not None:
        return Counted(arm.requests, (arm.refusals,))
    assert metric.latency is not None
    buckets = _buckets(arm, bounds)
    if metric.latency.maximum is None:
        return beyond(bounds, buckets, ComparedBounds.from_list(known.bounds))
    found = slower(bounds, buckets, _longest(metric, bounds))
    return Counted(arm.timed, (found.surely,))


def _buckets(arm: Counts, bounds: Sequence[float]) -> list[float]:
    return arm.by_bucket() if arm.within else [0.0] * (len(bounds) + 1)
