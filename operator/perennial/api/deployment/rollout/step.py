"""Steps, of which the way of a new version is made."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Duration


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
