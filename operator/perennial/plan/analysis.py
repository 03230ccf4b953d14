"""Verdicts on a canary, from the difference of its pods' counters."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from perennial.api.base import seconds
from perennial.api.deployment import Analysis, AnalysisMetric, Measurement, MetricCount


@dataclass(frozen=True)
class PodMetrics:
    """One pod's counters since it started: requests, 5xx answers, latency buckets (cumulative,
    by upper bound in seconds, +Inf included)."""

    pod: str
    revision: str
    requests: float
    errors: float
    buckets: Mapping[float, float]


@dataclass(frozen=True)
class Sample:
    """What the canary's pods counted since the measurement began."""

    requests: float
    errors: float
    buckets: Mapping[float, float]


def counts(pods: Sequence[PodMetrics]) -> list[MetricCount]:
    """Return counters as the status keeps them."""
    return [
        MetricCount(
            pod=p.pod,
            requests=p.requests,
            errors=p.errors,
            buckets={_bound(b): n for b, n in sorted(p.buckets.items())},
        )
        for p in sorted(pods, key=lambda p: p.pod)
    ]


def _bound(bound: float) -> str:
    return "+Inf" if math.isinf(bound) else f"{bound:g}"


def difference(pods: Sequence[PodMetrics], baseline: Sequence[MetricCount]) -> Sample:
    """Return what was counted since the baseline; a pod that restarted counts from zero."""
    before = {b.pod: b for b in baseline}
    requests = errors = 0.0
    buckets: dict[float, float] = {}
    for pod in pods:
        old = before.get(pod.pod)
        if old is not None and old.requests > pod.requests:
            old = None
        requests += pod.requests - (old.requests if old else 0)
        errors += pod.errors - (old.errors if old else 0)
        for bound, count in pod.buckets.items():
            earlier = old.buckets.get(_bound(bound), 0.0) if old else 0.0
            buckets[bound] = buckets.get(bound, 0.0) + count - earlier
    return Sample(requests, errors, buckets)


def quantile(q: float, buckets: Mapping[float, float]) -> float:
    """Return a quantile in seconds, by linear interpolation within its bucket.

    As Prometheus' histogram_quantile: beyond the last finite bound it returns that bound.
    Source: https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total:
        return math.nan
    rank = q * total
    lower, below = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank:
            if math.isinf(bound):
                return lower
            inside = buckets[bound] - below
            return lower + (bound - lower) * ((rank - below) / inside if inside else 1.0)
        lower, below = bound, buckets[bound]
    return lower


def judge(analysis: Analysis, sample: Sample, now: datetime) -> list[Measurement]:
    """Return one measurement for each metric; too few requests are inconclusive, never success."""
    return [_measure(m, analysis.minimum_requests, sample, now) for m in analysis.metrics]


def _measure(metric: AnalysisMetric, minimum: int, sample: Sample, now: datetime) -> Measurement:
    requests = int(sample.requests)
    if requests < minimum:
        told = f"{requests} requests came, {minimum} are needed"
        return Measurement(
            metric=metric.name, verdict="Inconclusive", requests=requests, message=told, time=now
        )
    if metric.error_rate is not None:
        value, limit = sample.errors / sample.requests, metric.error_rate.maximum
        what = f"error rate {value:.4g}"
        allowed = f"{limit:g}"
    else:
        assert metric.latency is not None
        value = quantile(metric.latency.quantile, sample.buckets)
        limit = seconds(metric.latency.maximum)
        what = f"latency p{metric.latency.quantile * 100:g} {value * 1000:.4g} ms"
        allowed = metric.latency.maximum
        if math.isnan(value):
            told = f"the latency of {requests} requests was not counted"
            return Measurement(
                metric=metric.name,
                verdict="Inconclusive",
                requests=requests,
                message=told,
                time=now,
            )
    failed = value > limit
    told = f"{what} of {requests} requests is {'above' if failed else 'within'} {allowed}"
    return Measurement(
        metric=metric.name,
        verdict="Failed" if failed else "Successful",
        value=round(value, 6),
        requests=requests,
        message=told,
        time=now,
    )
