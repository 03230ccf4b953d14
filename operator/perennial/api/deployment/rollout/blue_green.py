"""Blue-green: a new version gets all its pods beside the present one, then takes over at once."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.rollout.step import Pause, Step


class BlueGreen(ApiModel):
    """A new version gets all its pods, without traffic, and takes over in one turn."""

    pause: Pause | None = Field(
        None,
        description=(
            "A wait before the switch, while NAME-preview reaches the new version: for a duration, "
            "or, left empty, for a person's promote. Without it the switch comes as soon as all "
            "pods are ready and the checks are passed."
        ),
    )

    @property
    def as_steps(self) -> list[Step]:
        """Return its one step, without traffic; the promotion behind it is the switch."""
        return [Step(name="preview", set_weight=0, pause=self.pause)]
