"""The Services in front of a ModelDeployment's revisions."""

from perennial.api.deployment import ModelDeployment
from perennial.api.values import Json
from perennial.plan.serving.children import child_name, metadata


def service(deployment: ModelDeployment, revision: str | None) -> Json:
    """Return the Service; with a revision only that one answers, without it all do."""
    selector = {"perennial.dev/deployment": deployment.metadata.name}
    # Every selector has both keys' worth: server-side apply replaces the whole map.
    if revision is not None:
        selector["perennial.dev/revision"] = revision
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(deployment, deployment.metadata.name, {}),
        "spec": {
            "selector": selector,
            "ports": [
                {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
                {"name": "grpc", "port": 8081, "targetPort": "grpc", "protocol": "TCP"},
            ],
        },
    }


def revision_service(deployment: ModelDeployment, revision: str) -> Json:
    """Return a Service of one revision, whose selector never changes; a route's weights do."""
    selector = {"perennial.dev/deployment": deployment.metadata.name}
    selector["perennial.dev/revision"] = revision
    labels = {"perennial.dev/revision": revision}
    # Without a word a proxy speaks HTTP/1.1 to its backends, which no gRPC is.
    grpc = {"name": "grpc", "port": 8081, "targetPort": "grpc", "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(deployment, child_name(deployment, revision), labels),
        "spec": {
            "selector": selector,
            "ports": [
                {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
                {**grpc, "appProtocol": "kubernetes.io/h2c"},
            ],
        },
    }
