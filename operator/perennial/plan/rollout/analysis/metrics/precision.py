"""precision: the share of a class' predictions that were right."""

from perennial.plan.outcomes import shares
from perennial.plan.rollout.analysis.metrics.label_share import LabelShare

PRECISION = LabelShare(lambda asked: asked.precision, shares.PRECISION)
