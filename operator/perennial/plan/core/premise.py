"""Writes that take pods or requests away, and what lets them be done."""

from collections.abc import Mapping
from typing import Protocol

from perennial.api.values import Json

Name = tuple[str, str, str, str]
"""API version, kind, namespace, name."""


class Premise(Protocol):
    """What a lowering write is done by: asked of the API server just before each of them."""

    @property
    def names(self) -> tuple[Name, ...]:
        """Return the objects that it is about."""

    def allows(self, present: Mapping[Name, Json | None], lowered: Name, then: Json | None) -> bool:
        """Tell whether one of the objects may become as is wanted.

        Args:
            present: the objects as they are now, None where there is none.
            lowered: the one that is written.
            then: what it is to be, None where it is deleted.
        """


GATEWAY_API = "gateway.networking.k8s.io/v1"
POLICIES_API, POLICY = "gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy"
"""What Envoy Gateway is told beyond that."""
ROUTES = frozenset({"HTTPRoute", "GRPCRoute"})
"""Kinds that divide requests."""


def name_of(body: Json) -> Name:
    """Return the name of an object, its kind included."""
    metadata = body["metadata"]
    return body["apiVersion"], body["kind"], metadata["namespace"], metadata["name"]


def lowers(present: Json, wanted: Json) -> bool:
    """Tell whether applying an object to the present one turns requests, or takes pods away."""
    now, then = present.get("spec", {}), wanted.get("spec", {})
    if wanted["kind"] == "Service":
        return bool(now.get("selector") != then.get("selector"))
    if wanted["kind"] in ROUTES:
        return bool(now.get("rules") != then.get("rules"))
    if wanted["kind"] == "Deployment":
        return int(then.get("replicas", 1)) < int(now.get("replicas", 1))
    return False
