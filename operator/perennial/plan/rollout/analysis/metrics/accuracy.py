"""accuracy: the share of labels that were predicted."""

from perennial.plan.outcomes import shares
from perennial.plan.rollout.analysis.metrics.label_share import LabelShare

ACCURACY = LabelShare(lambda asked: asked.accuracy, shares.ACCURACY)
