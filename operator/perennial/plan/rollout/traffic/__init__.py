"""How requests are divided among revisions: a file a provider."""

from perennial.plan.rollout.goal import Traffic
from perennial.plan.rollout.traffic import replicas

PROVIDERS: dict[str, Traffic] = {"replicas": replicas}
"""By name; the first is the default."""
