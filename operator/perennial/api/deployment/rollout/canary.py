"""Canary: a new version takes over by steps."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Duration, one_of


class Pause(ApiModel):
    """A wait: for a duration, or, left empty, for a person's promote."""

    duration: Duration | None = Field(
        None, description="How long to wait; without it, until a person promotes."
    )


class Step(ApiModel):
    """One step of a canary: exactly one of setWeight, pause."""

    name: str = Field(
        "", description="What the status calls it; by default its number.", max_length=63
    )
    set_weight: int | None = Field(
        None, ge=0, le=100, description="Share of the traffic for the canary, in percent."
    )
    pause: Pause | None = Field(None, description="A wait, during which analysis goes on.")


class Canary(ApiModel):
    """Steps by which a new version takes over the traffic."""

    steps: list[Step] = Field(
        description="Weights and pauses, in order; after the last one the canary is promoted.",
        min_length=1,
        max_length=32,
        json_schema_extra={
            "x-kubernetes-list-type": "atomic",
            "x-item-validations": [one_of("setWeight", "pause")],
        },
    )


DEFAULT_STEPS = (
    Step(set_weight=20),
    Step(pause=Pause(duration="30s")),
    Step(set_weight=50),
    Step(pause=Pause(duration="30s")),
)
