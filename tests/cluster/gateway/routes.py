"""HTTPRoutes by hand, over the revisions of one ModelDeployment."""

import json
import time
from typing import Any

from cluster.gateway import client
from flights import demo
from localcluster import gateway

Rules = list[dict[str, Any]]
LABELS = {"by": "hand"}


def parent() -> dict[str, str]:
    """Return the Gateway that routes are of."""
    return {"name": gateway.NAME, "namespace": gateway.NAMESPACE}


def serve(model: str, revision: str) -> str:
    """Make a Service of one revision; return its name."""
    name = f"by-hand-{revision}"
    selector = {"perennial.dev/deployment": model, "perennial.dev/revision": revision}
    port = {"name": "http", "port": 80, "targetPort": "http"}
    metadata = {"name": name, "namespace": demo.NAMESPACE, "labels": LABELS}
    spec = {"selector": selector, "ports": [port]}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    return name


def backend(service: str, weight: int = 1, filters: Rules | None = None) -> dict[str, Any]:
    """Return a backend of a rule."""
    more = {"filters": filters} if filters else {}
    return {"name": service, "port": 80, "weight": weight, **more}


def apply(
    model: str, rules: Rules, named: str = "by-hand", **parent_ref: str
) -> list[dict[str, Any]]:
    """Write a route; return its conditions once the Gateway has looked at it."""
    metadata = {"name": named, "namespace": demo.NAMESPACE, "labels": LABELS}
    spec = {
        "parentRefs": [{**parent(), **parent_ref}],
        "hostnames": [client.host(model)],
        "rules": rules,
    }
    body = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
    demo.kubectl("apply", "-f", "-", stdin=json.dumps({**body, "metadata": metadata, "spec": spec}))
    generation = demo.get("httproute", named)["metadata"]["generation"]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        parents = demo.get("httproute", named).get("status", {}).get("parents", [])
        found: list[dict[str, Any]] = parents[0]["conditions"] if parents else []
        if found and all(c["observedGeneration"] == generation for c in found):
            return found
        time.sleep(0.2)
    raise TimeoutError(f"the Gateway did not look at {named}")


def status(conditions: list[dict[str, Any]], wanted: str) -> tuple[str, str]:
    """Return a condition's status and reason, empty where it is not told."""
    return next(((c["status"], c["reason"]) for c in conditions if c["type"] == wanted), ("", ""))


def hash_by(header: str, named: str = "by-hand") -> None:
    """Let a header choose where a route's requests go."""
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": named}
    consistent = {"type": "Header", "header": {"name": header}}
    spec = {
        "targetRefs": [target],
        "loadBalancer": {"type": "ConsistentHash", "consistentHash": consistent},
    }
    metadata = {"name": named, "namespace": demo.NAMESPACE, "labels": LABELS}
    body = {"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "BackendTrafficPolicy"}
    demo.kubectl("apply", "-f", "-", stdin=json.dumps({**body, "metadata": metadata, "spec": spec}))


def marked(rules: Rules) -> Rules:
    """Return rules with a filter on each backend, which tells in a header who was meant."""

    def filters(service: str) -> Rules:
        named = {"set": [{"name": "x-arm", "value": service}]}
        return [{"type": "RequestHeaderModifier", "requestHeaderModifier": named}]

    return [
        {**rule, "backendRefs": [{**b, "filters": filters(b["name"])} for b in rule["backendRefs"]]}
        for rule in rules
    ]


def clear() -> None:
    """Remove what was written by hand, but for Services."""
    kinds = "httproute,backendtrafficpolicy"
    demo.kubectl("delete", kinds, "-n", demo.NAMESPACE, "-l", "by=hand", "--wait=true")
