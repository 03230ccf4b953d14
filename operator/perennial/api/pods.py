"""What a user may set on pods, typed as Kubernetes types it, so that it is refused at apply."""

from typing import Annotated, Literal

from pydantic import Field

from perennial.api.base import ApiModel, Json, LocalRef, rule

_QUANTITY = r"^([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
Quantity = Annotated[
    int | str, Field(json_schema_extra={"pattern": _QUANTITY, "minimum": 0, "maxLength": 32})
]
"""An amount as Kubernetes writes it, such as ``500m``, ``2`` or ``1Gi``."""

_WITHIN = rule(
    "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || "
    "!isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name])) || "
    "quantity(string(self.requests[name])).compareTo(quantity(string(self.limits[name]))) <= 0)",
    "a request must not be above its limit",
)


class Resources(ApiModel):
    """Requests and limits of a container."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_WITHIN]}}

    requests: dict[str, Quantity] = Field(
        {}, description="What is set aside for it, such as cpu: 500m, memory: 1Gi.", max_length=16
    )
    limits: dict[str, Quantity] = Field(
        {}, description="What it may use at most, such as nvidia.com/gpu: 1.", max_length=16
    )


_KEY = "([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
KEYS = rule(
    f"self.all(key, size(key) <= 317 && key.matches('^{_KEY}$'))",
    "write a key as team or example.com/team: letters, digits, dashes, dots and underscores",
)
OURS = rule(
    "self.all(key, !key.startsWith('perennial.dev/'))",
    "labels under perennial.dev/ belong to the operator: use another prefix",
)

LabelValue = Annotated[
    str,
    Field(
        max_length=63,
        pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
        json_schema_extra={
            "x-message": "write a label's value: at most 63 letters, digits, dashes, dots and "
            "underscores"
        },
    ),
]
Keyed: Json = {"x-kubernetes-validations": [KEYS]}
Word = Annotated[str, Field(max_length=253)]


class Requirement(ApiModel):
    """A condition on a label."""

    key: str = Field(description="The label's key.", min_length=1, max_length=317)
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(
        description="How the label's value is compared with the values."
    )
    values: list[Word] = Field([], description="Values to compare with.", max_length=16)


class LabelSelector(ApiModel):
    """Which objects are meant, by their labels."""

    match_labels: dict[str, Word] = Field(
        {}, description="Labels with exactly these values.", max_length=16
    )
    match_expressions: list[Requirement] = Field(
        [], description="Conditions on labels, all of which must hold.", max_length=16
    )


class NodeTerm(ApiModel):
    """Conditions on a node, all of which must hold."""

    match_expressions: list[Requirement] = Field(
        [], description="Conditions on the node's labels.", max_length=16
    )
    match_fields: list[Requirement] = Field(
        [], description="Conditions on the node's fields.", max_length=4
    )


class PreferredNodes(ApiModel):
    """Nodes that are liked, and how much."""

    weight: int = Field(ge=1, le=100, description="How much, from 1 to 100.")
    preference: NodeTerm = Field(description="Which nodes.")


class RequiredNodes(ApiModel):
    """Nodes of which one it must be."""

    node_selector_terms: list[NodeTerm] = Field(
        description="Terms of which one must hold.", min_length=1, max_length=8
    )


class NodeAffinity(ApiModel):
    """Which nodes the pods run on."""

    required_during_scheduling_ignored_during_execution: RequiredNodes | None = Field(
        None, description="Nodes of which one it must be."
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredNodes] = Field(
        [], description="Nodes that are liked.", max_length=8
    )


class PodTerm(ApiModel):
    """Pods to be near to, or far from."""

    label_selector: LabelSelector | None = Field(None, description="Which pods.")
    topology_key: str = Field(
        description="The node label whose equal values are one place.", min_length=1, max_length=317
    )
    namespaces: list[Word] = Field(
        [], description="Namespaces of the pods; by default the own one.", max_length=16
    )


class PreferredPods(ApiModel):
    """Pods to be near to, or far from, and how much."""

    weight: int = Field(ge=1, le=100, description="How much, from 1 to 100.")
    pod_affinity_term: PodTerm = Field(description="Which pods, and what is near.")


class PodAffinity(ApiModel):
    """Which other pods the pods are near to, or far from."""

    required_during_scheduling_ignored_during_execution: list[PodTerm] = Field(
        [], description="What must be so.", max_length=8
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredPods] = Field(
        [], description="What is liked.", max_length=8
    )


class Affinity(ApiModel):
    """Where the pods run, as in a pod."""

    node_affinity: NodeAffinity | None = Field(None, description="Which nodes.")
    pod_affinity: PodAffinity | None = Field(None, description="Which pods to be near to.")
    pod_anti_affinity: PodAffinity | None = Field(None, description="Which pods to be far from.")


class Toleration(ApiModel):
    """A taint that the pods tolerate."""

    key: str = Field("", description="The taint's key; empty for all.", max_length=317)
    operator: Literal["Exists", "Equal"] | None = Field(
        None, description="Equal, the default, compares the value; Exists does not."
    )
    value: LabelValue = Field("", description="The taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="The taint's effect; absent for all."
    )
    toleration_seconds: int | None = Field(
        None, description="How long NoExecute is tolerated; absent for ever."
    )


class Spread(ApiModel):
    """How evenly the pods spread over places."""

    max_skew: int = Field(ge=1, description="By how many pods two places may differ.")
    topology_key: str = Field(
        description="The node label whose equal values are one place.", min_length=1, max_length=317
    )
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = Field(
        description="What becomes of a pod that would make it less even."
    )
    label_selector: LabelSelector | None = Field(None, description="Which pods are counted.")


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
        json_schema_extra={"x-kubernetes-validations": [OURS, KEYS]},
    )
    annotations: dict[str, str] = Field(
        {},
        description="Annotations.",
        max_length=16,
        json_schema_extra={"x-items-max-length": 4096, **Keyed},
    )


class PodOverridesSpec(ApiModel):
    """Parts of a pod's spec that a user may set."""

    node_selector: dict[str, LabelValue] = Field(
        {},
        description="Labels that a node must have.",
        max_length=16,
        json_schema_extra=Keyed,
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
