"""The kind ModelDeployment."""

from typing import ClassVar

from pydantic import Field

from perennial.api.common import AGE, Column, Kind
from perennial.api.deployment.spec import DeploymentSpec
from perennial.api.deployment.status.status import DeploymentStatus
from perennial.api.values import Json, rule


class ModelDeployment(Kind):
    """Serves a model over the Open Inference Protocol and rolls out its new versions."""

    PLURAL: ClassVar[str] = "modeldeployments"
    SHORT: ClassVar[str] = "md"
    SELECTABLE: ClassVar[tuple[str, ...]] = (".spec.model.trainingRef.name",)
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Ready", json_path='.status.conditions[?(@.type=="Ready")].status'),
        Column(name="Model", json_path=".status.printed.model"),
        Column(name="Canary", json_path=".status.printed.canary"),
        Column(name="Weight", json_path=".status.printed.weight"),
        Column(name="Step", json_path=".status.printed.step"),
        Column(name="Replicas", json_path=".status.printed.ready"),
        Column(name="Reason", json_path='.status.conditions[?(@.type=="Ready")].reason'),
        AGE,
        Column(
            name="Message", json_path='.status.conditions[?(@.type=="Ready")].message', priority=1
        ),
    )
    SCALE: ClassVar[Json | None] = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    RULES: ClassVar[tuple[Json, ...]] = (
        rule(
            "!self.metadata.name.endsWith('-canary') && !self.metadata.name.endsWith('-preview')",
            "name must not end in -canary or -preview: Services of a rollout may be called so",
        ),
        rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')"
            " && size(self.metadata.name) <= 52",
            "name must be a DNS label of at most 52 characters that starts with a letter: "
            "the Service has the same name",
        ),
        rule(
            "!has(self.spec.traffic) || !has(self.spec.traffic.gateway)"
            " || size(self.metadata.name) <= 47",
            "with traffic.gateway name must be at most 47 characters: each revision has a Service "
            "of its own, which is called NAME-REVISION",
        ),
    )

    spec: DeploymentSpec = Field(description="Which model to serve, and how versions roll out.")
    status: DeploymentStatus = Field(
        DeploymentStatus(), description="What is served, and where a rollout stands."
    )
