"""How a new version replaces the present one: a file a strategy, and what they share."""

from perennial.api.deployment.rollout.blue_green import BlueGreen
from perennial.api.deployment.rollout.canary import DEFAULT_STEPS, Canary
from perennial.api.deployment.rollout.rollout import Rollout, Surge
from perennial.api.deployment.rollout.shadow import Shadow
from perennial.api.deployment.rollout.step import Pause, Step

__all__ = ["DEFAULT_STEPS", "BlueGreen", "Canary", "Pause", "Rollout", "Shadow", "Step", "Surge"]
