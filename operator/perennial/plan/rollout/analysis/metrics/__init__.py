"""What can be judged of a canary: a file a kind of metric."""

from perennial.api.deployment import AnalysisMetric
from perennial.plan.rollout.analysis.metrics.errors import ERRORS
from perennial.plan.rollout.analysis.metrics.latency import LATENCY
from perennial.plan.rollout.analysis.metrics.metric import Metric
from perennial.plan.rollout.analysis.metrics.refusals import REFUSALS

METRICS: dict[str, Metric] = {
    "errorRate": ERRORS,
    "refusalRate": REFUSALS,
    "latency": LATENCY,
}
"""By their field in ``spec.rollout.analysis.metrics``."""


def metric_of(asked: AnalysisMetric) -> Metric:
    """Return the kind of metric that is asked."""
    return next(metric for metric in METRICS.values() if metric.limit_of(asked) is not None)
