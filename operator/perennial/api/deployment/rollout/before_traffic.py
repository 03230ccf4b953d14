"""What must hold before a new version has any traffic."""

from typing import Any, Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.analysis.outside import WEB_RULES, WebLimit
from perennial.api.values import Name, ObjectName, one_of, rule

MOST_REQUESTS = 16
Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "BYTES",
]  # fmt: skip


class GoldenInput(ApiModel):
    """One input of a request, as in the Open Inference Protocol."""

    name: str = Field(description="Name of the input.", min_length=1, max_length=253)
    datatype: Datatype = Field(
        description="What its values are, in the Open Inference Protocol's words."
    )
    shape: list[int] = Field(description="Its dimensions.", min_length=1, max_length=8)
    data: list[Any] = Field(
        description="Its values, row by row.",
        max_length=1024,
        json_schema_extra={"x-preserve-items": True},
    )


class ExpectedOutput(ApiModel):
    """One output that must come of a request."""

    name: str = Field(description="Name of the output.", min_length=1, max_length=253)
    data: list[Any] = Field(
        description="Its values, row by row.",
        max_length=1024,
        json_schema_extra={"x-preserve-items": True},
    )


class GoldenRequest(ApiModel):
    """A request whose right answer is known."""

    name: Name = Field(description="Name of the request, unique in the list.")
    inputs: list[GoldenInput] = Field(
        description="What is asked, as in the Open Inference Protocol.",
        min_length=1,
        max_length=256,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    expect: list[ExpectedOutput] = Field(
        description="The outputs that must come of it; others may be anything.",
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class ConfigMapKey(ApiModel):
    """A key of a ConfigMap in the same namespace."""

    name: ObjectName = Field(description="Name of the ConfigMap.")
    key: str = Field(
        "requests.json",
        description="Its key, with a JSON list of requests as in golden.requests.",
        min_length=1,
        max_length=253,
    )


class Golden(ApiModel):
    """Requests whose right answers are known: exactly one of requests, configMap."""

    requests: list[GoldenRequest] | None = Field(
        None,
        description="The requests themselves.",
        min_length=1,
        max_length=MOST_REQUESTS,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    config_map: ConfigMapKey | None = Field(
        None, description="A ConfigMap that holds them: at most 16 requests."
    )
    tolerance: float = Field(
        0.0001,
        ge=0,
        description=(
            "By how much a number may differ from the expected one, as a share of it where that "
            "is above 1. Text and booleans must be the same."
        ),
    )


class WebCheck(WebLimit):
    """A number that a URL must answer with once."""

    name: Name = Field(description="Name of the check, unique in the list.")


class BeforeTraffic(ApiModel):
    """What a new version must show while it has one pod and no traffic."""

    golden: Golden | None = Field(
        None,
        description=(
            "Requests whose right answers are known, sent to a pod of the new version. One that "
            "is answered wrongly rejects it, unless stable answers it wrongly, too."
        ),
        json_schema_extra={
            "x-kubernetes-validations": [one_of("requests", "configMap")],
        },
    )
    web: list[WebCheck] | None = Field(
        None,
        description="URLs that must answer with a number within its limit, each of them once.",
        min_length=1,
        max_length=8,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-item-validations": WEB_RULES,
        },
    )


ASKS_SOMETHING = rule("has(self.golden) || has(self.web)", "give golden, web or both")
