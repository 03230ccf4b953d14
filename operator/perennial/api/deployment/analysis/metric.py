"""One metric that is judged."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.analysis.latency import LatencyLimit
from perennial.api.deployment.analysis.outside import (
    PROMETHEUS_RULES,
    WEB_RULES,
    PrometheusLimit,
    WebLimit,
)
from perennial.api.deployment.analysis.rate import ONE_LIMIT, RateLimit
from perennial.api.values import Duration, rule, within


class AnalysisMetric(ApiModel):
    """A metric that is judged during the canary: exactly one kind of it."""

    name: str = Field(description="Name, unique in the list.", min_length=1, max_length=63)
    error_rate: RateLimit | None = Field(
        None,
        description="Share of answers that are 5xx.",
        json_schema_extra={"x-kubernetes-validations": [ONE_LIMIT]},
    )
    refusal_rate: RateLimit | None = Field(
        None,
        description="Share of answers that are 4xx.",
        json_schema_extra={"x-kubernetes-validations": [ONE_LIMIT]},
    )
    latency: LatencyLimit | None = Field(
        None,
        description="The answer time.",
        json_schema_extra={
            "x-kubernetes-validations": [
                ONE_LIMIT,
                rule(
                    "!has(self.quantile) || has(self.maximum)",
                    "a quantile belongs to a maximum; againstStable has its own",
                ),
            ]
        },
    )
    prometheus: PrometheusLimit | None = Field(
        None,
        description="A number that a query of Prometheus gives.",
        json_schema_extra={"x-kubernetes-validations": PROMETHEUS_RULES},
    )
    web: WebLimit | None = Field(
        None,
        description="A number that a URL answers with, as JSON.",
        json_schema_extra={"x-kubernetes-validations": WEB_RULES},
    )
    warm_up: Duration | None = Field(
        None,
        description="Time from the canary's first answer in which its answers do not count.",
        json_schema_extra=within("1ms", "24h"),
    )
    mode: Literal["Enforce", "Observe"] = Field(
        "Enforce", description="Observe: measured and told, without a vote."
    )

    @property
    def outside(self) -> PrometheusLimit | WebLimit | None:
        """What is asked of others, None where our own pods count."""
        return self.prometheus or self.web
