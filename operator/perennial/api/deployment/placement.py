"""Where pods run, typed as Kubernetes types it, so that it is refused at apply."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import LabelValue, Word


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
