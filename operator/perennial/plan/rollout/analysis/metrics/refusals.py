"""refusalRate: the share of answers that are 4xx."""

from perennial.plan.rollout.analysis.metrics.rate import Rate

REFUSALS = Rate(
    lambda asked: asked.refusal_rate,
    "refusal rate",
    "were refused",
    lambda counts: counts.refusals,
)
