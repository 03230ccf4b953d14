"""falsePositiveRate: the share of the other labels for which the class was predicted."""

from perennial.plan.rollout.analysis.metrics.label_share import LabelShare

FALSE_POSITIVES = LabelShare(
    limit_of=lambda asked: asked.false_positive_rate,
    wrong=lambda label, predicted, positive: None if label == positive else predicted == positive,
    noun="false-positive rate",
    became="of other classes were taken for the class",
)
