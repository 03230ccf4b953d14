"""Canary: a new version takes over by steps."""

from typing import Annotated

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.rollout.step import Pause, Step
from perennial.api.values import Duration, one_of, rule, within

Weight = Annotated[int, Field(ge=1, le=100)]


class Canary(ApiModel):
    """How a new version takes over the traffic by and by: exactly one of steps, ramp."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                one_of("steps", "ramp"),
                rule(
                    "has(self.every) == has(self.ramp)",
                    "ramp and every belong together, as in ramp: [5, 25, 50], every: 2m; a step "
                    "has a pause of its own",
                ),
            ]
        }
    }

    steps: list[Step] | None = Field(
        None,
        description="Weights and pauses, in order; after the last one the canary is promoted.",
        min_length=1,
        max_length=32,
        json_schema_extra={
            "x-kubernetes-list-type": "atomic",
            "x-item-validations": [one_of("setWeight", "pause")],
        },
    )
    ramp: list[Weight] | None = Field(
        None,
        description=(
            "Shares of the traffic in percent, from small to large, each for as long as every "
            "says; then the canary is promoted."
        ),
        min_length=1,
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "atomic",
            "x-kubernetes-validations": [
                rule("self.isSorted()", "write shares that grow, as in [1, 5, 25, 50]")
            ],
        },
    )
    every: Duration | None = Field(
        None,
        description="How long each share of the ramp lasts.",
        json_schema_extra=within("1s", "720h"),
    )

    @property
    def as_steps(self) -> list[Step]:
        """Return the steps, those that a ramp stands for, too."""
        if self.steps is not None:
            return self.steps
        pause = Step(pause=Pause(duration=self.every))
        return [step for w in self.ramp or () for step in (Step(set_weight=w), pause)]


DEFAULT_STEPS = (
    Step(set_weight=20),
    Step(pause=Pause(duration="30s")),
    Step(set_weight=50),
    Step(pause=Pause(duration="30s")),
)
