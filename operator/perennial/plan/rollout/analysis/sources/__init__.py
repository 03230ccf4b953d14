"""What others measure: a file a source, with its question and how the answer is read."""

from perennial.api.deployment import AnalysisMetric
from perennial.plan.rollout.analysis.sources.prometheus import PROMETHEUS
from perennial.plan.rollout.analysis.sources.source import Source
from perennial.plan.rollout.analysis.sources.web import WEB

SOURCES: dict[str, Source] = {"prometheus": PROMETHEUS, "web": WEB}
"""By their field in ``spec.rollout.analysis.metrics``."""


def source_of(asked: AnalysisMetric) -> Source:
    """Return the source that is asked."""
    return next(source for source in SOURCES.values() if source.limit_of(asked) is not None)
