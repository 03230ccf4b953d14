"""Put what a base's API server held into another one, as it was: uids, generations, owners, times.

It goes into etcd, as an upgrade finds it there: the API server would make each object anew.
"""

import base64
import json
import urllib.request
from typing import Any

from localcluster.apiserver import ApiServer

Json = dict[str, Any]

PLACES = {
    "ConfigMap": "configmaps",
    "ControllerRevision": "controllerrevisions",
    "Deployment": "deployments",
    "DriftMonitor": "perennial.dev/driftmonitors",
    "Job": "jobs",
    "ModelDeployment": "perennial.dev/modeldeployments",
    "ModelTraining": "perennial.dev/modeltrainings",
    "ModelVersion": "perennial.dev/modelversions",
    "Pod": "pods",
    "ReplicaSet": "replicasets",
    "Service": "services/specs",
}
"""Where the API server keeps objects in etcd, by their kind."""


def put(server: ApiServer, objects: list[Json]) -> None:
    """Store objects; what is of the same name is replaced."""
    for body in objects:
        meta = body["metadata"]
        key = f"/registry/{PLACES[body['kind']]}/{meta['namespace']}/{meta['name']}"
        pair = {"key": _encoded(key), "value": _encoded(json.dumps(body))}
        request = urllib.request.Request(f"{server.etcd}/v3/kv/put", json.dumps(pair).encode())
        urllib.request.urlopen(request, timeout=10).close()


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
