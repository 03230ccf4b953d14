"""One merge long: what moved."""

from perennial.plan.pods.health import refused as refused
from perennial.plan.pods.health import trouble as trouble
from perennial.plan.pods.health import unattended as unattended
