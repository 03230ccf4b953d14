"""What keeps users at one version: Envoy Gateway's policy of a route, by the hash of a header.

The Gateway API has no word for it. Envoy chooses among weights by the hash where each of them is a
cluster of its own, which a filter on each backend makes it.
"""

from perennial.api.deployment import Gateway, ModelDeployment
from perennial.api.values import Json
from perennial.plan.core import Finding
from perennial.plan.core.premise import GATEWAY_API, POLICIES_API, POLICY
from perennial.plan.serving.children import metadata

IGNORED = "StickyIgnored"


def policy(deployment: ModelDeployment, header: str, kinds: tuple[str, ...]) -> Json:
    """Return the policy by which requests with equal headers go to the same version.

    Args:
        deployment: whose routes they are.
        header: the name of the header.
        kinds: the kinds of these routes.
    """
    name = deployment.metadata.name
    group = GATEWAY_API.partition("/")[0]
    by_header = {"type": "Headers", "headers": [{"name": header}]}
    return {
        "apiVersion": POLICIES_API,
        "kind": POLICY,
        "metadata": metadata(deployment, name, {}),
        "spec": {
            "targetRefs": [{"group": group, "kind": kind, "name": name} for kind in kinds],
            "loadBalancer": {"type": "ConsistentHash", "consistentHash": by_header},
        },
    }


def unavailable(code: int, sentence: str) -> Finding:
    """Return what it means that the API server does not list policies."""
    why = "this cluster has no Envoy Gateway" if code == 404 else f"no right to it: {sentence}"
    message = "sticky is not heeded, since it takes a BackendTrafficPolicy"
    return Finding(IGNORED, f"{message} ({why}): users change versions", "Cluster")


def unheeded(gateway: Gateway, live: Json | None) -> Finding | None:
    """Return why a policy is not in force, None where all Gateways accepted it as it is."""
    told = ((live or {}).get("status") or {}).get("ancestors") or []
    generation = live["metadata"].get("generation", 0) if live is not None else 0
    for ref in gateway.parent_refs:
        about = [e for e in told if (e.get("ancestorRef") or {}).get("name") == ref.name]
        said = [c for e in about for c in e.get("conditions") or [] if c["type"] == "Accepted"]
        newest = [c for c in said if c.get("observedGeneration", 0) >= generation]
        if any(c["status"] == "True" for c in newest):
            continue
        why = next((str(c.get("message", "")) for c in newest), "it has not said a word")
        message = f"sticky is not heeded by Gateway {ref.name} ({why}): users change versions"
        return Finding(IGNORED, message, "Cluster")
    return None
