"""What a revision's pods are made of."""

from perennial.api.deployment import ModelDeployment, Revision, Serving
from perennial.api.values import Json, byte_count
from perennial.plan.core import MANAGED_BY, Settings
from perennial.plan.pods.container import environment, resources
from perennial.plan.pods.security import container_security, pod_security
from perennial.plan.pods.volumes import Opens, secret_volume, with_claims
from perennial.plan.serving import receipts
from perennial.plan.serving.request_log import attach
from perennial.plan.serving.revision import Record
from perennial.plan.serving.service import (
    MIRROR_GRPC,
    MIRROR_GRPC_PORT,
    MIRROR_HTTP,
    MIRROR_HTTP_PORT,
)

DEFAULT_RESOURCES: Json = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "1Gi"},
}


def recorded(
    deployment: ModelDeployment, revision: Revision, settings: Settings, asked: str = ""
) -> Record:
    """Return the record of a revision, made as the spec and the chart say now."""
    return Record(revision, _template(deployment, revision, settings), asked)


def _template(deployment: ModelDeployment, revision: Revision, settings: Settings) -> Json:
    """Return the pod template that the spec asks for."""
    identity = {
        "perennial.dev/deployment": deployment.metadata.name,
        "perennial.dev/revision": revision.revision,
    }
    serving, overrides = deployment.spec.serving, deployment.spec.pod_overrides
    store = [{"name": "store", "mountPath": "/perennial-secrets/store", "readOnly": True}]
    model = {"name": "model", "mountPath": "/perennial/model"}
    common = {
        "image": settings.serving_image,
        "imagePullPolicy": settings.image_pull_policy,
        "securityContext": container_security(),
        "resources": resources(serving.resources, DEFAULT_RESOURCES),
    }
    pod: Json = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(settings.pod_user),
        "terminationGracePeriodSeconds": 30,
        "initContainers": [
            {
                "name": "fetch",
                "command": ["perennial-fetch"],
                "env": environment(
                    ARTIFACT_URI=revision.artifact.uri, ARTIFACT_SHA256=revision.artifact.sha256
                ),
                "volumeMounts": [model, *(store if revision.secret else [])],
                **common,
            }
        ],
        "containers": [
            {
                "name": "server",
                "command": ["perennial-serve"],
                "env": environment(
                    MODEL_NAME=deployment.metadata.name,
                    MODEL_VERSION=revision.version or revision.revision,
                    MIRROR_HTTP_PORT=str(MIRROR_HTTP_PORT),
                    MIRROR_GRPC_PORT=str(MIRROR_GRPC_PORT),
                    **_options(serving),
                ),
                "ports": [
                    {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "grpc", "containerPort": 8081, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 9090, "protocol": "TCP"},
                    {"name": MIRROR_HTTP, "containerPort": MIRROR_HTTP_PORT, "protocol": "TCP"},
                    {"name": MIRROR_GRPC, "containerPort": MIRROR_GRPC_PORT, "protocol": "TCP"},
                ],
                # All three of the port that no client can keep busy.
                "readinessProbe": {
                    "httpGet": {"path": "/v2/health/ready", "port": "metrics"},
                    "periodSeconds": 1,
                },
                # A large model takes long to load, and is not to be ended for it.
                "startupProbe": {
                    "httpGet": {"path": "/healthz", "port": "metrics"},
                    "periodSeconds": 2,
                    "failureThreshold": 900,
                },
                "livenessProbe": {
                    "httpGet": {"path": "/healthz", "port": "metrics"},
                    "periodSeconds": 10,
                    "failureThreshold": 6,
                },
                # Endpoints are withdrawn while the pod still answers.
                "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                "volumeMounts": [{**model, "readOnly": True}],
                **common,
            }
        ],
        "volumes": [
            {"name": "model", "emptyDir": {}},
            *([secret_volume("store", revision.secret)] if revision.secret else []),
        ],
    }
    receipts.attach(pod, serving, deployment.metadata.name)
    logs: tuple[str, ...] = ()
    if serving.request_log is not None and revision.request_log is not None:
        attach(pod, serving.request_log, revision.request_log, common, settings)
        logs = (revision.request_log.uri,)
    # The server opens none of them: what fetch read is in the pod, what it logs goes by the spool.
    pod = with_claims(pod, fetch=Opens(reads=(revision.artifact.uri,)), ship=Opens(writes=logs))
    chosen = {key: value for key, value in overrides.spec.to_json().items() if value}
    security = {**pod["securityContext"], **chosen.pop("securityContext", {})}
    pod |= {**chosen, "securityContext": security}
    if settings.image_pull_secrets and "imagePullSecrets" not in pod:
        pod["imagePullSecrets"] = [{"name": n} for n in settings.image_pull_secrets]
    labels = {**MANAGED_BY, "app.kubernetes.io/component": "serving", **identity}
    metadata: Json = {"labels": {**overrides.metadata.labels, **labels}}
    if overrides.metadata.annotations:
        metadata["annotations"] = overrides.metadata.annotations
    return {"metadata": metadata, "spec": pod}


def _options(serving: Serving) -> dict[str, str]:
    """Return the server's settings; what the user left out is the server's own default."""
    options: dict[str, str] = {}
    if serving.batching is not None:
        options["BATCH_MAX_ROWS"] = str(serving.batching.max_rows)
    if serving.drift_windows is not None:
        options["DRIFT"] = "1" if serving.drift_windows == "Enabled" else "0"
    if serving.limits is not None and serving.limits.max_body_size is not None:
        options["MAX_BODY_BYTES"] = str(byte_count(serving.limits.max_body_size))
    if serving.limits is not None and serving.limits.max_in_flight is not None:
        options["MAX_IN_FLIGHT"] = str(serving.limits.max_in_flight)
    if serving.caller_header is not None:
        options["CALLER_HEADER"] = serving.caller_header
    return options
