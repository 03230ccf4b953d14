"""The request log of a ModelDeployment: where it is, and the sidecar that ships it there.

The server writes a spool of bounded size into a volume of the pod; the shipper turns it into
Parquet and uploads it. So the process that answers requests never sees the store's credentials.
"""

import json

from perennial.api.deployment import ModelDeployment, RequestLog, RequestLogLocation
from perennial.api.training import ModelTraining
from perennial.api.values import Json
from perennial.plan.core import Settings
from perennial.plan.pods.container import environment
from perennial.plan.pods.stores import chosen
from perennial.plan.pods.volumes import secret_of, secret_volume

SPOOL = "/perennial/log"
SPOOL_LIMIT = "256Mi"
"""Beyond this the kubelet evicts the pod; the server drops requests, and counts them, before."""
FLUSH_SECONDS = 30
"""What the shipper has after the server's end to upload the rest."""
SHIPPER_RESOURCES: Json = {
    "requests": {"cpu": "10m", "memory": "64Mi"},
    "limits": {"memory": "512Mi"},
}

_MOUNT: Json = {"name": "log", "mountPath": SPOOL}


def log_location(
    deployment: ModelDeployment, training: ModelTraining | None, settings: Settings
) -> RequestLogLocation | None:
    """Return where requests are to be logged, None where they are not.

    In the log's own store, else in the training's, else in the chart's default one; the URI is
    '' where there is none of them.
    """
    log, meta = deployment.spec.serving.request_log, deployment.metadata
    if log is None:
        return None
    store = log.store or (training.spec.store if training is not None else None)
    uri, secret = chosen(store, settings)
    directory = f"{uri.rstrip('/')}/logs/{meta.namespace}/{meta.name}" if uri else ""
    return RequestLogLocation(uri=directory, secret=secret)


def attach(
    pod: Json, log: RequestLog, to: RequestLogLocation, common: Json, settings: Settings
) -> None:
    """Let a serving pod log: spool and settings for its server, and the shipper beside it."""
    often = settings.log_ship_seconds
    server = pod["containers"][0]
    server["env"] += environment(
        LOG_DIR=SPOOL,
        LOG_SAMPLE=str(log.sample_fraction),
        LOG_FEATURES=json.dumps(log.features),
    )
    server["volumeMounts"].append(_MOUNT)
    secret = {"name": "log-store", "mountPath": "/perennial-secrets/store", "readOnly": True}
    pod["initContainers"].append(
        {
            **common,
            "name": "ship",
            "command": ["python3", "-m", "perennial_serving.ship"],
            "restartPolicy": "Always",  # a sidecar: it ends after the server, and uploads the rest
            "env": [
                *environment(LOG_DIR=SPOOL, LOG_URI=to.uri, SECRETS="/perennial-secrets/store"),
                *(environment(LOG_SHIP_SECONDS=str(often)) if often is not None else []),
            ],
            "volumeMounts": [_MOUNT, *([secret] if to.secret else [])],
            "resources": SHIPPER_RESOURCES,
        }
    )
    pod["volumes"].append({"name": "log", "emptyDir": {"sizeLimit": SPOOL_LIMIT}})
    if to.secret:
        pod["volumes"].append(secret_volume("log-store", to.secret))
    pod["terminationGracePeriodSeconds"] += FLUSH_SECONDS


def attached(pod: Json) -> RequestLogLocation | None:
    """Return where a pod that was made before logs its requests."""
    for container in pod["initContainers"]:
        for variable in container.get("env", []):
            if variable["name"] == "PERENNIAL_LOG_URI":
                return RequestLogLocation(uri=variable["value"], secret=secret_of(pod, "log-store"))
    return None
