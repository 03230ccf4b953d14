"""How a new version is judged while it takes traffic: a file a kind of metric."""

from perennial.api.deployment.analysis.analysis import DEFAULT_METRICS, Analysis, NoAnalysis
from perennial.api.deployment.analysis.latency import LatencyLimit, SameAsStable
from perennial.api.deployment.analysis.metric import AnalysisMetric
from perennial.api.deployment.analysis.outside import (
    PLACEHOLDERS,
    OutsideLimit,
    PrometheusLimit,
    WebLimit,
)
from perennial.api.deployment.analysis.rate import MaximumIncrease, RateLimit

__all__ = [
    "DEFAULT_METRICS",
    "PLACEHOLDERS",
    "Analysis",
    "AnalysisMetric",
    "LatencyLimit",
    "MaximumIncrease",
    "NoAnalysis",
    "OutsideLimit",
    "PrometheusLimit",
    "RateLimit",
    "SameAsStable",
    "WebLimit",
]
