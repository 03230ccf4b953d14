"""Shadow: a new version answers copies of requests, and nobody gets its answers."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.rollout.step import Pause, Step
from perennial.api.values import Duration, within


class Shadow(ApiModel):
    """A new version answers copies of requests, is judged by that, and takes over in one turn."""

    mirror: int = Field(
        100,
        ge=1,
        le=100,
        description=(
            "Share of the requests that it is sent a copy of, in percent; it has pods for that."
        ),
    )
    duration: Duration = Field(
        "10m",
        description="How long it answers copies, at least; then the analysis decides.",
        json_schema_extra=within("1s", "720h"),
    )
    then: Literal["Promote", "Pause"] = Field(
        "Promote",
        description=(
            "What follows where nothing speaks against it. Promote: it takes over in one turn. "
            "Pause: it answers copies until a person asks for promote."
        ),
    )

    @property
    def as_steps(self) -> list[Step]:
        """Return its steps, which have no share; the promotion behind them is the turn."""
        judged = Step(name="shadow", set_weight=0, pause=Pause(duration=self.duration))
        waits = Step(name="waits", pause=Pause())
        return [judged, waits] if self.then == "Pause" else [judged]
