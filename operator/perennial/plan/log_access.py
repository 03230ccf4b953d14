"""One merge long: what moved."""

from perennial.plan.pods.log_access import unwritable_log as unwritable_log
