"""Where an experiment stands."""

from typing import Annotated, Literal

from pydantic import Field

from perennial.api.common import ApiModel, LocalRef
from perennial.api.deployment.model import ArtifactSource, ModelSource
from perennial.api.deployment.status.analysis import AnalysisStatus
from perennial.api.deployment.status.revision import Share
from perennial.api.values import Text, Time

STABLE = "stable"
"""What the arm is called that spec.model is."""
ArmState = Literal["Waiting", "Running", "Out"]
Result = Literal["Winner", "NoDifference", "Undecided", "NoVariant"]
PodName = Annotated[str, Field(max_length=253)]


class ArmStatus(ApiModel):
    """A model of the experiment, and what is known of it."""

    name: str = Field(description="The variant's name; stable is spec.model.", max_length=63)
    version: str = Field("", description="Name of its ModelVersion.", max_length=253)
    revision: str = Field("", description="Its revision.", max_length=32)
    sha256: str = Field("", description="SHA-256 of its artifact's manifest.", max_length=64)
    state: ArmState = Field(
        "Waiting",
        description=(
            "Waiting: it has no traffic yet. Running: it has its share. Out: it was taken out, and "
            "has no part in what is decided."
        ),
    )
    reason: str = Field("", description="Why it waits or is out, in one word.", max_length=64)
    message: Text = Field("", description="Why it waits or is out, in a sentence.")
    share: Share | None = Field(None, description="Its share of the traffic.")
    outcomes: int = Field(0, description="Outcomes that are compared with those of others.")
    mean: float | None = Field(
        None, description="Mean outcome, as it would be had all models had the same traffic."
    )
    low: float | None = Field(None, description="Lower end of the mean's 95 % interval.")
    high: float | None = Field(None, description="Upper end of the mean's 95 % interval.")
    probability_best: float | None = Field(
        None, description="How likely it is the best, by what is known now."
    )
    analysis: AnalysisStatus | None = Field(
        None, description="What rollout.analysis measures of it beside stable."
    )


class PromotedModel(ApiModel):
    """A winner as the spec named it: by its version, else by its place."""

    version: str = Field("", description="Name of its ModelVersion.", max_length=253)
    uri: str = Field("", description="Directory of its artifact.", max_length=1024)
    sha256: str = Field("", description="Digest of its artifact.", max_length=64)
    secret: str = Field("", description="Secret that the spec named for it.", max_length=253)

    @classmethod
    def of(cls, model: ModelSource) -> "PromotedModel":
        """Return a model as it is kept."""
        if model.version_ref is not None:
            return cls(version=model.version_ref.name)
        artifact = model.artifact
        assert artifact is not None
        secret = artifact.secret_ref.name if artifact.secret_ref is not None else ""
        return cls(uri=artifact.uri, sha256=artifact.sha256, secret=secret)

    @property
    def source(self) -> ModelSource:
        """Return it as spec.model would name it."""
        if self.version:
            return ModelSource(version_ref=LocalRef(name=self.version))
        secret = LocalRef(name=self.secret) if self.secret else None
        artifact = ArtifactSource(uri=self.uri, sha256=self.sha256, secret_ref=secret)
        return ModelSource(artifact=artifact)


class ExperimentStatus(ApiModel):
    """Where the experiment stands; all that a restart needs to go on."""

    key: str = Field(
        "", description="Hash of the variants; another list begins anew.", max_length=16
    )
    start_time: Time | None = Field(None, description="When its models had traffic first.")
    waiting_since: Time | None = Field(
        None, description="Since when it waits for its variants' pods; absent while it runs."
    )
    arms: list[ArmStatus] = Field([], description="The models, stable first.", max_length=5)
    result: Result | None = Field(None, description="How it ended; absent while it goes on.")
    winner: str = Field("", description="The arm that won.", max_length=63)
    message: Text = Field("", description="How it ended, in a sentence with its numbers.")
    end_time: Time | None = Field(None, description="When it ended.")
    promoted: PromotedModel | None = Field(
        None, description="The winner that takes the place of what spec.model asks for."
    )
    replaces: str = Field(
        "",
        description="Digest of what spec.model asked for then; another one ends the promotion.",
        max_length=64,
    )
    judged_until: Time | None = Field(
        None, description="Up to when what pods were told is in the evidence below."
    )
    batch_time: Time | None = Field(None, description="When the present batch began.")
    batches: int = Field(0, description="Batches that are over.")
    missing: list[PodName] = Field(
        [], description="Ready pods whose counts are not all in it.", max_length=8
    )
    planned_variance: float = Field(0, description="Variance that intervals are narrowest at.")
    evidence: list[float] = Field([], description="All that was told.", max_length=80)
    recent: list[float] = Field([], description="The same, the older the less.", max_length=80)
    batch: list[float] = Field(
        [], description="What was told in the present batch, by age and arm.", max_length=75
    )

    def arm(self, name: str) -> ArmStatus | None:
        """Return an arm by its name."""
        return next((a for a in self.arms if a.name == name), None)
