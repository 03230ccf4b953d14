"""Numbers that others measure: a Prometheus, or a URL that answers with JSON."""

from typing import Any

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Duration, one_of, plain_url, rule, within

PLACEHOLDERS = ("namespace", "name", "canary", "stable")
"""What may stand in a query or an address, in double braces."""


def _known_placeholders(field: str) -> dict[str, str]:
    """Return the rule that a text holds no other placeholder."""
    left = f"self.{field}" + "".join(f".replace('{{{{{p}}}}}', '')" for p in PLACEHOLDERS)
    written = ", ".join(f"{{{{{p}}}}}" for p in PLACEHOLDERS)
    return rule(
        f"!{left}.contains('{{{{')", f"{field} knows {written} and nothing else in double braces"
    )


ONE_BOUND = one_of("maximum", "minimum")
PROMETHEUS_RULES: list[Any] = [
    ONE_BOUND,
    plain_url("address"),
    rule("!self.address.contains('?')", "address is what comes before /api/v1/query"),
    _known_placeholders("address"),
    _known_placeholders("query"),
]
WEB_RULES: list[Any] = [ONE_BOUND, plain_url("url"), _known_placeholders("url")]


class OutsideLimit(ApiModel):
    """A number that is asked for now and then: exactly one of maximum, minimum."""

    interval: Duration = Field(
        "1m",
        description="Time between two measurements.",
        json_schema_extra=within("5s", "24h"),
    )
    failures: int = Field(
        0,
        ge=0,
        le=1000,
        description="How many measurements may miss the limit; the next one fails.",
    )
    maximum: float | None = Field(None, description="Highest number that is allowed.")
    minimum: float | None = Field(None, description="Lowest number that is allowed.")


class PrometheusLimit(OutsideLimit):
    """The number that a query gives at the time of the measurement."""

    address: str = Field(
        description=(
            "Where Prometheus answers, such as http://prometheus.monitoring.svc:9090; the chart's "
            "allowedUrls must allow it."
        ),
        min_length=8,
        max_length=512,
    )
    query: str = Field(
        description=(
            "PromQL that gives one number. {{namespace}} and {{name}} stand for this object's, "
            "{{canary}} and {{stable}} for the revisions: their pods are called "
            "{{name}}-{{canary}}-…"
        ),
        min_length=1,
        max_length=2048,
    )


class WebLimit(OutsideLimit):
    """The number that a URL answers with, as JSON."""

    url: str = Field(
        description=(
            "What is asked, by GET; the chart's allowedUrls must allow it. {{namespace}}, "
            "{{name}}, {{canary}} and {{stable}} stand for this object's and the revisions."
        ),
        min_length=8,
        max_length=1024,
    )
    path: str = Field(
        "",
        description=(
            "Where in the answer the number is, as a JSON pointer such as /data/score; by default "
            "the answer is the number. true counts as 1, false as 0."
        ),
        max_length=256,
        pattern=r"^(/.*)?$",
        json_schema_extra={"x-message": "write a JSON pointer such as /data/score"},
    )
