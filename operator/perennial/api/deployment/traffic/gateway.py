"""Weights of a route that a Gateway follows."""

from typing import Annotated

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Duration, HeaderName, Name, ObjectName, within

_LABELS = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
Hostname = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=rf"^(\*\.)?{_LABELS}$",
        json_schema_extra={
            "x-message": "write a host such as flights.example.com or *.example.com"
        },
    ),
]
"""A host that requests name; the first label may be a star."""


class ParentRef(ApiModel):
    """A Gateway that the route is attached to."""

    name: ObjectName = Field(description="Name of the Gateway.")
    namespace: Name | None = Field(
        None, description="Its namespace; by default that of the ModelDeployment."
    )
    section_name: ObjectName | None = Field(
        None, description="Which of its listeners; by default all that take the route."
    )


class HeaderMatch(ApiModel):
    """A header with just this value."""

    name: HeaderName = Field(description="Name of the header, such as x-canary.")
    value: str = Field(description="Its value, whole.", min_length=1, max_length=4096)


class Sticky(ApiModel):
    """What users are known by."""

    header: HeaderName = Field(
        description="Name of the header that has a user's name, such as x-user-id."
    )


class GrpcHosts(ApiModel):
    """Hosts of gRPC alone."""

    hostnames: list[Hostname] = Field(
        description="Hosts of the GRPCRoute; no other route of the Gateway may have them.",
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class Gateway(ApiModel):
    """Weights of an HTTPRoute; each version has a Service of its own behind it."""

    parent_refs: list[ParentRef] = Field(
        description="Gateways that the route is attached to.",
        min_length=1,
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    hostnames: list[Hostname] = Field(
        [],
        description="Hosts that requests name; by default those of the Gateway's listeners.",
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    path: str | None = Field(
        None,
        description=(
            "How paths of requests begin that are for this model, such as /v2/models/flights where "
            "several share a host; by default all, those of gRPC as well. Pods get paths unchanged."
        ),
        min_length=1,
        max_length=1024,
        pattern=r"^(/[A-Za-z0-9\-._~!$&'()*+,;=:@]+)+$|^/$",
        json_schema_extra={"x-message": "write a path such as /v2/models/flights"},
    )
    timeout: Duration | None = Field(
        None,
        description="Longest time for an answer; by default the Gateway's own.",
        json_schema_extra=within("1ms", "1h"),
    )
    canary_header: HeaderMatch | None = Field(
        None,
        description=(
            "Requests with this header go to the canary while there is one, whatever its weight, "
            "as soon as one of its pods is ready."
        ),
    )
    sticky: Sticky | None = Field(
        None,
        description=(
            "Users stay at their version, but for those that a changed weight moves. Envoy Gateway "
            "can do that, and others ignore it, which the condition Ready tells."
        ),
    )
    grpc: GrpcHosts | None = Field(
        None,
        description=(
            "A GRPCRoute beside the HTTPRoute, on hosts of its own. Without it, and without a "
            "path, the HTTPRoute takes gRPC, too."
        ),
    )
