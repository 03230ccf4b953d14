"""recall: the share of a class' labels that were predicted."""

from perennial.plan.outcomes import shares
from perennial.plan.rollout.analysis.metrics.label_share import LabelShare

RECALL = LabelShare(lambda asked: asked.recall, shares.RECALL)
