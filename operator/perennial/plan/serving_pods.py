"""One merge long: what moved."""

from perennial.plan.serving.pods import serving_pods as serving_pods
