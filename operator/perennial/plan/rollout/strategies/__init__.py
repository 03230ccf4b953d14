"""How a trial goes: a file a strategy."""

from perennial.api.deployment import Rollout
from perennial.plan.rollout.goal import Strategy
from perennial.plan.rollout.strategies import canary

STRATEGIES: dict[str, Strategy] = {"canary": canary}
"""By their field in ``spec.rollout``; the first is the default."""


def strategy_of(rollout: Rollout) -> Strategy:
    """Return the strategy that is asked for."""
    asked = (name for name in STRATEGIES if getattr(rollout, name) is not None)
    return STRATEGIES[next(asked, next(iter(STRATEGIES)))]
