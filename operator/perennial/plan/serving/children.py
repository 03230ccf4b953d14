"""How the children of a ModelDeployment are called and labelled."""

from perennial.api.deployment import ModelDeployment
from perennial.api.values import Json
from perennial.plan.core import MANAGED_BY, owner_reference


def child_name(deployment: ModelDeployment, revision: str) -> str:
    """Return the name of a revision's Deployment and ControllerRevision."""
    return f"{deployment.metadata.name}-{revision}"


def has_our_name(deployment: ModelDeployment, live: Json) -> bool:
    """Tell whether an object is called as a child is; what only has our labels is somebody's copy.

    Of the objects that are neither Deployments nor records.
    """
    name, labels = live["metadata"]["name"], live["metadata"].get("labels") or {}
    own, revision = deployment.metadata.name, labels.get("perennial.dev/revision", "")
    return name in {own, f"{own}-canary", f"{own}-preview", child_name(deployment, revision)}


def metadata(deployment: ModelDeployment, name: str, labels: Json) -> Json:
    """Return the metadata of a child with these labels beside those that all have."""
    meta = deployment.metadata
    common = {**MANAGED_BY, "app.kubernetes.io/component": "serving"}
    return {
        "name": name,
        "namespace": meta.namespace,
        "labels": {**common, "perennial.dev/deployment": meta.name, **labels},
        "ownerReferences": [owner_reference("ModelDeployment", meta.name, meta.uid)],
    }
