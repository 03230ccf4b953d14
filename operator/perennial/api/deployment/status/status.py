"""What is served, and where a rollout stands."""

from typing import Any, Self

from pydantic import Field

from perennial.api.common import ApiModel, Conditions
from perennial.api.deployment.status.analysis import AnalysisStatus
from perennial.api.deployment.status.decision import Decided
from perennial.api.deployment.status.experiment import ExperimentStatus
from perennial.api.deployment.status.revision import Rejection, Revision, Role, Share
from perennial.api.deployment.status.rollout import (
    BeforeTrafficStatus,
    RolloutStatus,
    SignatureStatus,
    StepStatus,
)
from perennial.api.values import Time


class Address(ApiModel):
    """Where the model answers."""

    url: str = Field(description="URL inside the cluster.", max_length=512)
    canary_url: str | None = Field(
        None,
        description="URL of what is on trial alone, whatever traffic it has; absent without one.",
        max_length=512,
    )


class Printed(ApiModel):
    """What `kubectl get` prints: made of the facts beside it, and nothing to rely on."""

    model: str = Field("", description="What serves.", max_length=253)
    canary: str = Field("", description="What is on trial.", max_length=253)
    weight: str = Field("", description="The canary's share, asked/actual.", max_length=16)
    step: str = Field("", description="The step's name, or step of steps.", max_length=63)
    ready: str = Field("", description="Ready pods of wanted pods.", max_length=16)


ROLES: dict[str, Role] = {
    "stable": "Stable",
    "canary": "Canary",
    "replaced": "Previous",
    "failed": "Failed",
}


class DeploymentStatus(ApiModel):
    """What is served, and where a rollout stands."""

    observed_generation: int = Field(-1, description="Generation that the status is about.")
    conditions: Conditions = []
    revisions: list[Revision] = Field(
        [],
        description=(
            "The revisions that have a part in it: Stable, Canary, Previous, Failed, Variant."
        ),
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    rollout: RolloutStatus = Field(
        RolloutStatus(), description="Where the rollout stands, and what was taken back."
    )
    experiment: ExperimentStatus | None = Field(
        None, description="Where the experiment stands, and how the last one ended."
    )
    serving_image_outdated: bool = Field(
        False, description="The pods run an older serving image than the operator's."
    )
    serving_image: str = Field("", description="The image that stable's pods run.", max_length=512)
    replicas: int = Field(
        0, description="Pods that requests reach, of all revisions: autoscalers reckon by it."
    )
    ready_replicas: int = Field(0, description="Pods that are ready, of all revisions.")
    selector: str = Field(
        "", description="Label selector of the pods that requests reach.", max_length=1024
    )
    printed: Printed | None = Field(None, description="What kubectl get prints.")
    address: Address | None = Field(None, description="Where the model answers.")
    last_request: str = Field(
        "", description="The newest perennial.dev/request that was handled.", max_length=253
    )

    def _in(self, role: Role) -> Revision | None:
        # Asked for hundreds of times in each pass: a plain loop takes half a generator's time.
        for revision in self.revisions:
            if revision.role == role:
                return revision
        return None

    @property
    def stable(self) -> Revision | None:
        """The revision that answers."""
        return self._in("Stable")

    @property
    def canary(self) -> Revision | None:
        """The revision that is on trial."""
        return self._in("Canary")

    @property
    def replaced(self) -> Revision | None:
        """The revision that answered before stable did."""
        return self._in("Previous")

    @property
    def failed(self) -> Revision | None:
        """The revision that was taken back and has requests yet."""
        return self._in("Failed")

    @property
    def variants(self) -> list[Revision]:
        """The revisions of an experiment beside stable."""
        return [r for r in self.revisions if r.role == "Variant"]

    @property
    def weight(self) -> Share | None:
        """The canary's share of the traffic."""
        return self.canary.share if self.canary is not None else None

    @property
    def step(self) -> StepStatus | None:
        """Where the canary stands."""
        return self.rollout.step

    @property
    def analysis(self) -> AnalysisStatus | None:
        """What is known of the canary on trial."""
        return self.rollout.analysis

    @property
    def signature(self) -> SignatureStatus | None:
        """Whether the canary takes and gives all that stable does."""
        return self.rollout.signature

    @property
    def before_traffic(self) -> BeforeTrafficStatus | None:
        """Whether the canary has shown what it must before it has traffic."""
        return self.rollout.before_traffic

    @property
    def paused(self) -> str:
        """Why the rollout waits for a person."""
        return self.rollout.paused

    @property
    def rejected(self) -> list[Rejection]:
        """The last revisions that were rolled back."""
        return self.rollout.rejected

    @property
    def decisions(self) -> list[Decided]:
        """The last decisions, with the numbers behind them."""
        return self.rollout.decisions

    @property
    def promoting(self) -> bool:
        """Tell whether the canary passed its steps."""
        return self.rollout.promoting

    @property
    def baking(self) -> bool:
        """Tell whether stable was promoted a while ago only, and is still watched."""
        stable, watched = self.stable, self.rollout.baking
        return self.canary is None and stable is not None and stable.revision == watched

    @property
    def promoted_time(self) -> Time | None:
        """When stable was promoted."""
        return self.rollout.promoted_time

    def having(self, **changes: object) -> Self:
        """Return the status with changes; ``stable``, ``canary``, ``replaced`` are revisions.

        ``variants`` are several of them.
        ``weight`` is the canary's share; a revision that changes its role loses the one it had.
        What is a field of the rollout (``step``, ``paused``, …) is changed there.
        """
        found: dict[str, Any] = {field: getattr(self, field) for field in ROLES}
        found |= {field: changes.pop(field) for field in ROLES if field in changes}
        if "weight" in changes:
            share, canary = changes.pop("weight"), found["canary"]
            found["canary"] = canary and canary.model_copy(update={"share": share})
        parts: list[tuple[Role, Revision | None]] = [
            (ROLES[field], r) for field, r in found.items()
        ]
        variants: Any = changes.pop("variants", self.variants)
        parts += [("Variant", r) for r in variants]
        revisions = [
            r if r.role == role else r.model_copy(update={"role": role, "share": None})
            for role, r in parts
            if r is not None
        ]
        moved = {f: changes.pop(f) for f in RolloutStatus.model_fields if f in changes}
        if moved:
            changes["rollout"] = self.rollout.model_copy(update=moved)
        return self.model_copy(update={**changes, "revisions": revisions})
