"""recall: the share of a class' labels that were predicted."""

from perennial.plan.rollout.analysis.metrics.label_share import LabelShare

RECALL = LabelShare(
    limit_of=lambda asked: asked.recall,
    wrong=lambda label, predicted, positive: None if label != positive else predicted != positive,
    noun="recall",
    became="of the class were missed",
)
