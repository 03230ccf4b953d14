"""Which model to serve."""

from pydantic import Field

from perennial.api.common import ApiModel, LocalRef
from perennial.api.store import OPENABLE, SECRET
from perennial.api.values import Sha256, Uri, one_of

_ONE_MODEL = one_of(
    "trainingRef",
    "versionRef",
    "artifact",
    message="give exactly one of trainingRef (follow a training), versionRef (one version) "
    "or artifact (uri and sha256)",
)


class ArtifactRef(ApiModel):
    """A model by its place and digest."""

    uri: Uri = Field(
        description="Directory of the artifact, for example s3://models/sha256/ab…/.",
        json_schema_extra=OPENABLE,
    )
    sha256: Sha256 = Field(description="SHA-256 of the artifact's manifest.json.")


class ArtifactSource(ArtifactRef):
    """A model by its place and digest, and the Secret that opens its store."""

    secret_ref: LocalRef | None = Field(
        None,
        description=(
            f"{SECRET} By default the chart's, where the scheme is that of the chart's default "
            "store; elsewhere the pod's own identity counts."
        ),
    )


class ModelSource(ApiModel):
    """Which model to serve: exactly one of trainingRef, versionRef, artifact."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_ONE_MODEL]}}

    training_ref: LocalRef | None = Field(
        None, description="Follow the newest version of this ModelTraining that passed its gates."
    )
    version_ref: LocalRef | None = Field(None, description="Serve this ModelVersion.")
    artifact: ArtifactSource | None = Field(None, description="Serve the artifact at this place.")
