"""The Deployment of a revision."""

from perennial.api.deployment import ModelDeployment
from perennial.api.values import Json, seconds
from perennial.plan.core import Settings
from perennial.plan.serving.children import child_name, metadata
from perennial.plan.serving.revision import Record


def image_of(live: Json | None, settings: Settings) -> str:
    """Return the serving image: a Deployment keeps its own, whatever the operator's newest is."""
    if live is None:
        return settings.serving_image
    return str(live["spec"]["template"]["spec"]["containers"][0]["image"])


def workload(deployment: ModelDeployment, record: Record, role: str, replicas: int) -> Json:
    """Return a revision's Deployment, with the pods that were recorded for it."""
    revision = record.revision
    identity = {
        "perennial.dev/deployment": deployment.metadata.name,
        "perennial.dev/revision": record.name,
    }
    more = {"perennial.dev/revision": record.name, "perennial.dev/role": role}
    if revision.version:
        more["perennial.dev/version"] = revision.version
    deadline = seconds(deployment.spec.rollout.progress_deadline)
    body: Json = {
        "replicas": replicas,
        "selector": {"matchLabels": identity},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "progressDeadlineSeconds": max(1, int(deadline)),
        "template": record.template,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(deployment, child_name(deployment, record.name), more),
        "spec": body,
    }
