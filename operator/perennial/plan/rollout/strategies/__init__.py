"""How a trial goes: a file a strategy."""

from perennial.api.deployment import Rollout
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.strategies import blue_green, canary, shadow

STRATEGIES: dict[str, Strategy] = {
    "canary": canary,
    "blueGreen": blue_green,
    "shadow": shadow,
}
"""By their field in ``spec.rollout``."""


def strategy_of(rollout: Rollout) -> Strategy:
    """Return the strategy that is asked for."""
    return STRATEGIES[rollout.strategy]
