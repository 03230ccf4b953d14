"""The Deployment of a revision, and the Service in front of all of them."""

from perennial.api.base import Json, byte_count, seconds
from perennial.api.deployment import ModelDeployment, Revision, Serving
from perennial.plan import receipts
from perennial.plan.core import MANAGED_BY, Settings, owner_reference
from perennial.plan.pods import (
    container_security,
    environment,
    pod_security,
    resources,
    secret_volume,
)
from perennial.plan.record import Record, child_name
from perennial.plan.requestlog import attach
from perennial.plan.volumes import Opens, with_claims

DEFAULT_RESOURCES: Json = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "1Gi"},
}


def _metadata(deployment: ModelDeployment, name: str, labels: Json) -> Json:
    meta = deployment.metadata
    common = {**MANAGED_BY, "app.kubernetes.io/component": "serving"}
    return {
        "name": name,
        "namespace": meta.namespace,
        "labels": {**common, "perennial.dev/deployment": meta.name, **labels},
        "ownerReferences": [owner_reference("ModelDeployment", meta.name, meta.uid)],
    }


def service(deployment: ModelDeployment, revision: str | None) -> Json:
    """Return the Service; with a revision only that one answers, without it all do."""
    selector = {"perennial.dev/deployment": deployment.metadata.name}
    # Every selector has both keys' worth: server-side apply replaces the whole map.
    if revision is not None:
        selector["perennial.dev/revision"] = revision
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(deployment, deployment.metadata.name, {}),
        "spec": {
            "selector": selector,
            "ports": [
                {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
                {"name": "grpc", "port": 8081, "targetPort": "grpc", "protocol": "TCP"},
            ],
        },
    }


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
        "metadata": _metadata(deployment, child_name(deployment, record.name), more),
        "spec": body,
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
                    **_options(serving),
                ),
                "ports": [
                    {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "grpc", "containerPort": 8081, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 9090, "protocol": "TCP"},
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
    if serving.receipts is not None:
        receipts.attach(pod, serving.receipts, deployment.metadata.name)
    logs: tuple[str, ...] = ()
    if serving.request_log is not None and revision.request_log is not None:
        attach(pod, serving.request_log, revision.request_log, common)
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
    """Return what the server is told; what the user left out is the server's own default."""
    told: dict[str, str] = {}
    if serving.batching is not None:
        told["BATCH_MAX_ROWS"] = str(serving.batching.max_rows)
    if serving.drift_windows is not None:
        told["DRIFT"] = "1" if serving.drift_windows == "Enabled" else "0"
    if serving.limits is not None and serving.limits.max_body_size is not None:
        told["MAX_BODY_BYTES"] = str(byte_count(serving.limits.max_body_size))
    if serving.limits is not None and serving.limits.max_in_flight is not None:
        told["MAX_IN_FLIGHT"] = str(serving.limits.max_in_flight)
    return told
