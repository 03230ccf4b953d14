"""How many pods a drained node, or an autoscaler of nodes, may take at a time."""

from typing import Annotated

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import one_of, rule

_PART = r"^(100|[1-9]?[0-9])%$"
Part = Annotated[
    int | str,
    Field(
        json_schema_extra={
            "pattern": _PART,
            "minimum": 0,
            "maximum": 1000,
            "maxLength": 4,
            "x-kubernetes-validations": [
                rule(
                    f"type(self) == int || string(self).matches('{_PART}')",
                    "write a number of pods, or a percentage of them such as 50%",
                )
            ],
        }
    ),
]
"""Some of the pods: a number, or a percentage of them, rounded up."""


class DisruptionBudget(ApiModel):
    """How many of the pods that have requests an eviction leaves: exactly one of its fields."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                one_of("minAvailable", "maxUnavailable"),
            ]
        }
    }

    min_available: Part | None = Field(
        None, description="Pods that stay ready, as a number or in percent of them."
    )
    max_unavailable: Part | None = Field(
        None, description="Pods that may be gone at a time, as a number or in percent of them."
    )

    def evictable(self, pods: int) -> int:
        """Return how many of so many ready pods may be evicted at a time."""
        if self.max_unavailable is not None:
            return min(pods, _of(self.max_unavailable, pods))
        return max(0, pods - _of(self.min_available or 0, pods))


def _of(part: int | str, pods: int) -> int:
    """Return how many pods a part of them is."""
    return part if isinstance(part, int) else -(-pods * int(part.removesuffix("%")) // 100)
