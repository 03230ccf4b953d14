"""accuracy: the share of labels that were predicted."""

from perennial.plan.rollout.analysis.metrics.label_share import LabelShare

ACCURACY = LabelShare(
    limit_of=lambda asked: asked.accuracy,
    wrong=lambda label, predicted, positive: predicted != label,
    noun="accuracy",
    became="were predicted wrong",
    is_of_class=False,
)
