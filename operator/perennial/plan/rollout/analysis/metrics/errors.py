"""errorRate: the share of answers that are 5xx."""

from perennial.plan.rollout.analysis.metrics.rate import Rate

ERRORS = Rate(lambda asked: asked.error_rate, "error rate", "failed", lambda counts: counts.errors)
