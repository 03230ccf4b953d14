"""How requests are divided among versions: a file a way."""

from perennial.api.deployment.traffic.gateway import (
    Gateway,
    GrpcHosts,
    HeaderMatch,
    ParentRef,
    Sticky,
)
from perennial.api.deployment.traffic.traffic import Replicas, Traffic

__all__ = ["Gateway", "GrpcHosts", "HeaderMatch", "ParentRef", "Replicas", "Sticky", "Traffic"]
