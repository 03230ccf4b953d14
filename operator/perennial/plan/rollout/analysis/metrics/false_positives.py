"""falsePositiveRate: the share of the other labels for which the class was predicted."""

from perennial.plan.outcomes import shares
from perennial.plan.rollout.analysis.metrics.label_share import LabelShare

FALSE_POSITIVES = LabelShare(lambda asked: asked.false_positive_rate, shares.FALSE_POSITIVES)
