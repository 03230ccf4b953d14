"""The revisions that have a part in it."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.model import ArtifactRef
from perennial.api.values import Text, Time


class RequestLogLocation(ApiModel):
    """Where requests are logged."""

    uri: str = Field(description="Directory with requests/ and feedback/.", max_length=1280)
    secret: str = Field("", description="Secret that opens the store.", max_length=253)


class _Named(ApiModel):
    """A version under one set of settings."""

    version: str = Field("", description="Name of the ModelVersion.", max_length=253)
    revision: str = Field(
        alias="name",
        description="Hash of what the user wrote, and a count; a ControllerRevision has the rest.",
        max_length=32,
    )

    @property
    def name(self) -> str:
        """What people call it: its version, where it has one."""
        return self.version or self.revision


class Share(ApiModel):
    """Share of the traffic, in percent."""

    asked: int = Field(description="What the step asks for.")
    actual: int = Field(description="What the Service and the ready pods give now.")


Role = Literal["Stable", "Canary", "Previous", "Failed", "Variant"]


class Revision(_Named):
    """A served revision: a version under one set of settings."""

    role: Role | None = Field(
        None,
        description=(
            "Stable answers. Canary is on trial. Previous answered before stable did: its "
            "Deployment stays, soon without pods, for the request undo. Failed was taken back, and "
            "has requests until stable has its pods. Variant is one of an experiment's models."
        ),
    )
    share: Share | None = Field(
        None, description="Its share of the traffic; absent where it has none to have."
    )

    artifact: ArtifactRef = Field(description="The artifact that is served.")
    secret: str = Field("", description="Secret that opens the artifact's store.", max_length=253)
    request_log: RequestLogLocation | None = Field(
        None, description="Where its pods log requests; absent where they do not."
    )
    replicas: int = Field(0, description="Pods wanted.")
    ready_replicas: int = Field(0, description="Pods that are ready.")
    start_time: Time | None = Field(None, description="When the revision was started.")
    hindered_since: Time | None = Field(
        None,
        description=(
            "Since when the cluster or the store keeps its pods from becoming ready; absent while "
            "neither does. Their time to become ready begins when that has ended."
        ),
    )


class Rejection(_Named):
    """A revision that was rolled back; it is not tried again by itself."""

    reason: str = Field(description="Why, in one word.", max_length=64)
    message: Text = Field("", description="Why, in a sentence.")
    time: Time = Field(description="When.")
