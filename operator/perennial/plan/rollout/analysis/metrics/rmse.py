"""rmse: the root of the mean square of prediction less label."""

from perennial.plan.outcomes import means
from perennial.plan.rollout.analysis.metrics.outcome_mean import OutcomeMean

RMSE = OutcomeMean(lambda asked: asked.rmse, means.RMSE)
