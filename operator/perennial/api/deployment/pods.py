"""What a user may set on the serving pods."""

from pydantic import Field

from perennial.api.common import ApiModel, LocalRef
from perennial.api.deployment.placement import Affinity, Spread, Toleration
from perennial.api.values import FOREIGN_KEYS, VALID_KEYS, LabelValue


class PodSecurity(ApiModel):
    """Whom the pods run as; that it is not root, and the rest, stays as it is."""

    run_as_user: int | None = Field(None, ge=1, description="User of the containers.")
    run_as_group: int | None = Field(None, ge=1, description="Group of the containers.")
    fs_group: int | None = Field(None, ge=1, description="Group of the pod's volumes.")


class PodOverridesMetadata(ApiModel):
    """Labels and annotations added to the pods."""

    labels: dict[str, LabelValue] = Field(
        {},
        description="Labels; those under perennial.dev/ belong to the operator.",
        max_length=16,
        json_schema_extra={"x-kubernetes-validations": [FOREIGN_KEYS, VALID_KEYS]},
    )
    annotations: dict[str, str] = Field(
        {},
        description="Annotations.",
        max_length=16,
        json_schema_extra={
            "x-items-max-length": 4096,
            "x-kubernetes-validations": [VALID_KEYS],
        },
    )


class PodOverridesSpec(ApiModel):
    """Parts of a pod's spec that a user may set."""

    node_selector: dict[str, LabelValue] = Field(
        {},
        description="Labels that a node must have.",
        max_length=16,
        json_schema_extra={"x-kubernetes-validations": [VALID_KEYS]},
    )
    tolerations: list[Toleration] = Field(
        [], description="Taints that the pods tolerate.", max_length=16
    )
    affinity: Affinity | None = Field(None, description="Where the pods run, as in a pod.")
    topology_spread_constraints: list[Spread] = Field(
        [], description="How evenly the pods spread over places.", max_length=4
    )
    image_pull_secrets: list[LocalRef] = Field(
        [], description="Secrets for pulling images.", max_length=16
    )
    service_account_name: str = Field(
        "", description="Service account; its token is not mounted.", max_length=253
    )
    priority_class_name: str = Field("", description="Priority class.", max_length=253)
    runtime_class_name: str = Field("", description="Runtime class.", max_length=253)
    security_context: PodSecurity | None = Field(None, description="Whom the pods run as.")


class PodOverrides(ApiModel):
    """What is added to the serving pods."""

    metadata: PodOverridesMetadata = Field(
        PodOverridesMetadata(), description="Labels and annotations added to the pods."
    )
    spec: PodOverridesSpec = Field(
        PodOverridesSpec(), description="Parts of a pod's spec that a user may set."
    )
