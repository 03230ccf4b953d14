"""The Services in front of a ModelDeployment's revisions."""

from perennial.api.deployment import ModelDeployment
from perennial.api.values import Json
from perennial.plan.serving.children import child_name, metadata

MIRROR_HTTP, MIRROR_GRPC = "mirror-http", "mirror-grpc"
MIRROR_HTTP_PORT, MIRROR_GRPC_PORT = 8082, 8083
"""Where copies of requests come: a request itself does not say that it is one."""


def service(deployment: ModelDeployment, revision: str | None) -> Json:
    """Return the Service that is called as the ModelDeployment, for all of its users."""
    return service_of(deployment, deployment.metadata.name, revision)


def service_of(deployment: ModelDeployment, name: str, revision: str | None) -> Json:
    """Return a Service; with a revision only that one answers, without it all do."""
    selector = {"perennial.dev/deployment": deployment.metadata.name}
    # Every selector has both keys' worth: server-side apply replaces the whole map.
    if revision is not None:
        selector["perennial.dev/revision"] = revision
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(deployment, name, {}),
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
    found = service_of(deployment, child_name(deployment, revision), revision)
    found["metadata"]["labels"]["perennial.dev/revision"] = revision
    ports = found["spec"]["ports"]
    for name, port in ((MIRROR_HTTP, MIRROR_HTTP_PORT), (MIRROR_GRPC, MIRROR_GRPC_PORT)):
        ports.append({"name": name, "port": port, "targetPort": name, "protocol": "TCP"})
    # Without a word a proxy speaks HTTP/1.1 to what is behind it, which no gRPC is.
    for port in ports:
        if port["name"] in ("grpc", MIRROR_GRPC):
            port["appProtocol"] = "kubernetes.io/h2c"
    return found
