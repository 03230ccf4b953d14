"""How a new version replaces the present one: a file a strategy, and what they share."""

from perennial.api.deployment.rollout.canary import DEFAULT_STEPS, Canary, Pause, Step
from perennial.api.deployment.rollout.rollout import Rollout, Surge

__all__ = ["DEFAULT_STEPS", "Canary", "Pause", "Rollout", "Step", "Surge"]
