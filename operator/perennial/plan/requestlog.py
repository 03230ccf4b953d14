"""One merge long: what moved."""

from perennial.plan.serving.request_log import place as place
