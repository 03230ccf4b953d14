"""Which pods serve a ModelDeployment: those that Kubernetes made for it, not who says so."""

from collections.abc import Iterable

from perennial.api.values import Json


def serving_pods(deployment: str, pods: Iterable[Json]) -> list[Json]:
    """Return the pods that ReplicaSets of a ModelDeployment's own Deployments control.

    Anybody may put our labels on a pod; such a one is not asked, not counted, and decides nothing.
    A ReplicaSet is called after its Deployment, which is called after the revision.
    """
    return [pod for pod in pods if _controller(pod) == _replica_set(deployment, pod)]


def _controller(pod: Json) -> tuple[str, str] | None:
    owners = pod["metadata"].get("ownerReferences") or []
    return next(((o.get("kind"), o.get("name")) for o in owners if o.get("controller")), None)


def _replica_set(deployment: str, pod: Json) -> tuple[str, str]:
    labels = pod["metadata"].get("labels") or {}
    revision, template = labels.get("perennial.dev/revision"), labels.get("pod-template-hash")
    return "ReplicaSet", f"{deployment}-{revision}-{template}"
