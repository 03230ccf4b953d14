"""What the API server is filled with."""

from typing import Any

SHA = "a" * 64
NEXT = {"driftWindows": "Disabled"}
"""Another setting of the same model: no pod that only says that it runs can tell what one takes."""
HOLDING = {"steps": [{"setWeight": 50}, {"pause": {"duration": "1h"}}]}
"""A canary's steps, by which it stays on trial for as long as it is measured."""


def node(number: int) -> dict[str, Any]:
    """Return a node that has room for everything."""
    room = {"cpu": "1000", "memory": "4Ti", "pods": "10000"}
    meta = {"name": f"node-{number}", "annotations": {"kwok.x-k8s.io/node": "fake"}}
    status = {"allocatable": room, "capacity": room}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status}


def workload(name: str, namespace: str, replicas: int = 1) -> dict[str, Any]:
    """Return a plain Deployment."""
    labels = {"bench": "plain", "app": name}
    meta = {"name": name, "namespace": namespace, "labels": labels}
    pod = {"containers": [{"name": "c", "image": "none"}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def plain(count: int, spaces: list[str]) -> list[dict[str, Any]]:
    """Return Deployments with Services, as many as ours make."""
    found = []
    for n in range(count):
        made = workload(f"p-{n}", spaces[n % len(spaces)])
        meta = made["metadata"]
        ports = {"selector": meta["labels"], "ports": [{"port": 80}]}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": ports}
        found += [made, service]
    return found


def ours(
    count: int, spaces: list[str], serving: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return ModelDeployments of one replica."""
    artifact = {"uri": "s3://models/x/", "sha256": SHA}
    rollout = {"canary": HOLDING, "analysis": {"none": {}}}
    return [
        {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": f"m-{n}", "namespace": spaces[n % len(spaces)]},
            "spec": {
                "model": {"artifact": artifact},
                "rollout": rollout,
                "serving": serving or {},
            },
        }
        for n in range(count)
    ]
