"""precision: the share of a class' predictions that were right."""

from perennial.plan.rollout.analysis.metrics.label_share import LabelShare

PRECISION = LabelShare(
    limit_of=lambda asked: asked.precision,
    wrong=lambda label, predicted, positive: None if predicted != positive else label != positive,
    noun="precision",
    became="of predictions of the class say that they were wrong",
)
