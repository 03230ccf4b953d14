"""meanReward: the mean of the rewards that feedback tells."""

from perennial.plan.outcomes import means
from perennial.plan.rollout.analysis.metrics.outcome_mean import OutcomeMean

MEAN_REWARD = OutcomeMean(lambda asked: asked.mean_reward, means.REWARD)
