"""How a new version is judged while it takes traffic: a file a kind of metric."""

from perennial.api.deployment.analysis.analysis import DEFAULT_METRICS, Analysis, NoAnalysis
from perennial.api.deployment.analysis.disagreement import DisagreementLimit
from perennial.api.deployment.analysis.labels import (
    HighestShareOfClass,
    LowestShare,
    LowestShareOfClass,
    MaximumDecrease,
)
from perennial.api.deployment.analysis.latency import LatencyLimit, SameAsStable
from perennial.api.deployment.analysis.means import HighestLoss, LowestReward
from perennial.api.deployment.analysis.metric import KINDS, OF_OUTCOMES, AnalysisMetric
from perennial.api.deployment.analysis.outside import (
    PLACEHOLDERS,
    OutsideLimit,
    PrometheusLimit,
    WebLimit,
)
from perennial.api.deployment.analysis.rate import MaximumIncrease, RateLimit
from perennial.api.deployment.analysis.shift import ShiftLimit

__all__ = [
    "DEFAULT_METRICS",
    "KINDS",
    "OF_OUTCOMES",
    "PLACEHOLDERS",
    "Analysis",
    "AnalysisMetric",
    "DisagreementLimit",
    "HighestLoss",
    "HighestShareOfClass",
    "LatencyLimit",
    "LowestReward",
    "LowestShare",
    "LowestShareOfClass",
    "MaximumDecrease",
    "MaximumIncrease",
    "NoAnalysis",
    "OutsideLimit",
    "PrometheusLimit",
    "RateLimit",
    "SameAsStable",
    "ShiftLimit",
    "WebLimit",
]
