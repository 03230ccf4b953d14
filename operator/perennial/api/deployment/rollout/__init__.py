"""How a new version replaces the present one: a file a strategy, and what they share."""

from perennial.api.deployment.rollout.before_traffic import (
    MOST_REQUESTS,
    BeforeTraffic,
    ExpectedOutput,
    Golden,
    GoldenInput,
    GoldenRequest,
    WebCheck,
)
from perennial.api.deployment.rollout.blue_green import BlueGreen
from perennial.api.deployment.rollout.canary import DEFAULT_STEPS, Canary
from perennial.api.deployment.rollout.rollout import Rollout, Surge
from perennial.api.deployment.rollout.shadow import Shadow
from perennial.api.deployment.rollout.step import Pause, Step

__all__ = [
    "DEFAULT_STEPS",
    "MOST_REQUESTS",
    "BeforeTraffic",
    "BlueGreen",
    "Canary",
    "ExpectedOutput",
    "Golden",
    "GoldenInput",
    "GoldenRequest",
    "Pause",
    "Rollout",
    "Shadow",
    "Step",
    "Surge",
    "WebCheck",
]
