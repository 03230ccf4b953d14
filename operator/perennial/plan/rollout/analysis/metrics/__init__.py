"""What can be judged of a canary: a file a kind of metric."""

from perennial.api.deployment import AnalysisMetric
from perennial.plan.rollout.analysis.metrics.accuracy import ACCURACY
from perennial.plan.rollout.analysis.metrics.disagreement import DISAGREEMENT
from perennial.plan.rollout.analysis.metrics.errors import ERRORS
from perennial.plan.rollout.analysis.metrics.false_positives import FALSE_POSITIVES
from perennial.plan.rollout.analysis.metrics.latency import LATENCY
from perennial.plan.rollout.analysis.metrics.log_loss import LOG_LOSS
from perennial.plan.rollout.analysis.metrics.mean_reward import MEAN_REWARD
from perennial.plan.rollout.analysis.metrics.metric import Metric, OutcomeMetric, RequestMetric
from perennial.plan.rollout.analysis.metrics.precision import PRECISION
from perennial.plan.rollout.analysis.metrics.prediction_shift import PREDICTION_SHIFT
from perennial.plan.rollout.analysis.metrics.recall import RECALL
from perennial.plan.rollout.analysis.metrics.refusals import REFUSALS
from perennial.plan.rollout.analysis.metrics.rmse import RMSE

OF_REQUESTS: dict[str, RequestMetric] = {
    "errorRate": ERRORS,
    "refusalRate": REFUSALS,
    "latency": LATENCY,
}
"""Those that are counted by the second."""
OF_OUTCOMES: dict[str, OutcomeMetric] = {
    "accuracy": ACCURACY,
    "recall": RECALL,
    "precision": PRECISION,
    "falsePositiveRate": FALSE_POSITIVES,
    "logLoss": LOG_LOSS,
    "rmse": RMSE,
    "meanReward": MEAN_REWARD,
    "predictionShift": PREDICTION_SHIFT,
    "disagreement": DISAGREEMENT,
}
"""Those that receipts make known, later or of all predictions; and those of copies of requests."""
METRICS: dict[str, Metric] = {**OF_REQUESTS, **OF_OUTCOMES}
"""By their field in ``spec.rollout.analysis.metrics``."""


def metric_of(asked: AnalysisMetric) -> Metric:
    """Return the kind of metric that is asked."""
    return next(metric for metric in METRICS.values() if metric.limit_of(asked) is not None)


def request_metric(asked: AnalysisMetric) -> RequestMetric | None:
    """Return the kind that is asked, where it is one of requests."""
    return next((m for m in OF_REQUESTS.values() if m.limit_of(asked) is not None), None)


def outcome_metric(asked: AnalysisMetric) -> OutcomeMetric | None:
    """Return the kind that is asked, where it is one of outcomes."""
    return next((m for m in OF_OUTCOMES.values() if m.limit_of(asked) is not None), None)
