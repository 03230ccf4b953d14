"""One merge long: what moved."""

from perennial.plan.training.run import RunRecord as RunRecord
