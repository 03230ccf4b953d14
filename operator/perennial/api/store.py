"""Where files are kept: a URI, and the Secret that opens it."""

from pydantic import Field

from perennial.api.common import ApiModel, LocalRef
from perennial.api.values import Json, Uri, rule
from perennial_artifact.credentials import KNOWN
from perennial_artifact.volumes import CLAIM, UPWARDS

CLAIM_MESSAGE = (
    "write pvc://CLAIM/PATH, CLAIM being a PersistentVolumeClaim in the same namespace (lower-case "
    "letters, digits, dashes and dots) and PATH without .."
)
OPENABLE: Json = {
    "x-kubernetes-validations": [
        rule(
            "self.matches('^(s3|gs|az|pvc|http|https|file)://.+')",
            "write a URI with a scheme, such as s3://bucket/path "
            "(s3, gs, az, pvc, http, https and file are known)",
        ),
        rule(
            f"!self.startsWith('pvc://') || self.matches('^pvc://{CLAIM}(/|$)') "
            f"&& !self.matches('{UPWARDS}')",
            CLAIM_MESSAGE,
        ),
    ]
}


SECRET = (
    "Secret in the same namespace with the credentials of the URI's store. Known keys are "
    f"{KNOWN}; others are passed over."
)


class StoreRef(ApiModel):
    """A directory in a store, and the Secret that opens it."""

    uri: Uri = Field(
        description="Directory in the store, for example s3://models/team-a or pvc://models/team-a.",
        json_schema_extra=OPENABLE,
    )
    secret_ref: LocalRef | None = Field(
        None,
        description=f"{SECRET} Without one the pod's own identity counts; pvc:// needs none.",
    )
