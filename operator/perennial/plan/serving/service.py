"""The Service in front of a ModelDeployment's revisions."""

from perennial.api.deployment import ModelDeployment
from perennial.api.values import Json
from perennial.plan.serving.children import metadata


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
