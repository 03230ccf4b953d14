"""Which object an event wakes. Decisions never depend on which event it was."""

from __future__ import annotations

from collections.abc import Iterable

from perennial.api import API_VERSION, KINDS
from perennial.api.base import Json
from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.api.version import ModelVersion
from perennial.cluster.client import Cluster
from perennial.cluster.queue import Key


def owners(namespace: str, labels: Json) -> list[Key]:
    """Return the objects that a child's labels name."""
    keys = []
    if training := labels.get("perennial.dev/training"):
        keys.append(Key("ModelTraining", namespace, training))
    if deployment := labels.get("perennial.dev/deployment"):
        keys.append(Key("ModelDeployment", namespace, deployment))
    return keys


async def everything(cluster: Cluster, namespaces: Iterable[str]) -> list[Key]:
    """Return all of our objects in some namespaces, or in the whole cluster where none is named."""
    return [
        Key(kind.kind(), body["metadata"]["namespace"], body["metadata"]["name"])
        for namespace in namespaces or ("",)
        for kind in KINDS
        for body in await cluster.select(API_VERSION, kind.kind(), namespace)
    ]


async def related(cluster: Cluster, key: Key, body: Json) -> list[Key]:
    """Return one of our objects and those whose decisions read it."""
    namespace, keys = key.namespace, [key]
    spec, status = body.get("spec", {}), body.get("status", {})
    if key.kind == "ModelTraining":
        following = set()
        for d in await cluster.read_all(ModelDeployment, namespace):
            ref = d.spec.model.training_ref
            if ref is not None and ref.name == key.name:
                following.add(d.metadata.name)
                keys.append(Key("ModelDeployment", namespace, d.metadata.name))
        for m in await cluster.read_all(DriftMonitor, namespace):
            if m.spec.deployment_ref.name in following:
                keys.append(Key("DriftMonitor", namespace, m.metadata.name))
    elif key.kind == "ModelDeployment":
        if ref := spec.get("model", {}).get("trainingRef"):
            keys.append(Key("ModelTraining", namespace, ref["name"]))
        for t in await cluster.read_all(ModelTraining, namespace):
            feedback = t.spec.dataset.feedback
            if feedback is not None and feedback.deployment_ref.name == key.name:
                keys.append(Key("ModelTraining", namespace, t.metadata.name))
        revisions = [*status.get("revisions", []), *status.get("rollout", {}).get("rejected", [])]
        names = {r.get("version") for r in revisions if r}
        for v in await cluster.read_all(ModelVersion, namespace):
            # Those that it named before, too: their status still says that it serves them.
            if v.metadata.name in names or key.name in {d.name for d in v.status.deployments}:
                keys.append(Key("ModelVersion", namespace, v.metadata.name))
        for m in await cluster.read_all(DriftMonitor, namespace):
            if m.spec.deployment_ref.name == key.name:
                keys.append(Key("DriftMonitor", namespace, m.metadata.name))
    elif key.kind == "DriftMonitor" and status.get("lastAction"):
        name = spec.get("deploymentRef", {}).get("name", "")
        deployment = await cluster.read(ModelDeployment, namespace, name)
        if deployment is not None and deployment.spec.model.training_ref is not None:
            training = deployment.spec.model.training_ref.name
            keys.append(Key("ModelTraining", namespace, training))
    elif key.kind == "ModelVersion":
        keys += owners(namespace, body.get("metadata", {}).get("labels", {}))
        for d in await cluster.read_all(ModelDeployment, namespace):
            ref = d.spec.model.version_ref
            if ref is not None and ref.name == key.name:
                keys.append(Key("ModelDeployment", namespace, d.metadata.name))
    return keys
