"""logLoss: the mean of -log of the probability that was given to the label."""

from perennial.plan.outcomes import means
from perennial.plan.rollout.analysis.metrics.outcome_mean import OutcomeMean

LOG_LOSS = OutcomeMean(lambda asked: asked.log_loss, means.LOG_LOSS)
