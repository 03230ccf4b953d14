"""One merge long: what moved."""

from perennial.plan.training.job import child_name as child_name
