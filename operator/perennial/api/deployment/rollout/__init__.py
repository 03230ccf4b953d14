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
from perennial.api.deployment.rollout.canary import DEFAULT_STEPS, Canary, Pause, Step
from perennial.api.deployment.rollout.rollout import Rollout, Surge

__all__ = [
    "DEFAULT_STEPS",
    "MOST_REQUESTS",
    "BeforeTraffic",
    "Canary",
    "ExpectedOutput",
    "Golden",
    "GoldenInput",
    "GoldenRequest",
    "Pause",
    "Rollout",
    "Step",
    "Surge",
    "WebCheck",
]
