"""How a new version replaces the present one."""

from typing import Annotated, Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.deployment.analysis.analysis import Analysis
from perennial.api.deployment.rollout.before_traffic import ASKS_SOMETHING, BeforeTraffic
from perennial.api.deployment.rollout.blue_green import BlueGreen
from perennial.api.deployment.rollout.canary import DEFAULT_STEPS, Canary
from perennial.api.deployment.rollout.shadow import Shadow
from perennial.api.deployment.rollout.step import Step
from perennial.api.values import Duration, at_most_one_of, no_longer, rule, within

_SURGE = r"^[1-9][0-9]{0,2}%$"
Surge = Annotated[
    int | str,
    Field(
        json_schema_extra={
            "pattern": _SURGE,
            "minimum": 1,
            "maximum": 1000,
            "maxLength": 4,
            "x-kubernetes-validations": [
                rule(
                    f"type(self) == int || string(self).matches('{_SURGE}')",
                    "write a number of pods, at least 1, or a percentage such as 25%",
                )
            ],
        }
    ),
]
"""Pods beside others: a number, or a percentage of them."""


class Rollout(ApiModel):
    """How a new version replaces the present one: at most one of canary, blueGreen, shadow."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                at_most_one_of(
                    "canary",
                    "blueGreen",
                    "shadow",
                    message="give at most one of canary (a share of the traffic that grows), "
                    "blueGreen (all of it in one turn) or shadow (copies of requests, then all of "
                    "it in one turn)",
                ),
                no_longer(
                    "bake",
                    "keepReplaced",
                    message="bake must be at most keepReplaced, whose pods it goes back to",
                ),
            ]
        }
    }

    # A member of a choice has no default here: another one could not be chosen beside it.
    canary: Canary | None = Field(
        None,
        description=(
            "Steps by which a new version takes over the traffic; by default 20 % and 50 %, half "
            "a minute each."
        ),
    )
    blue_green: BlueGreen | None = Field(
        None,
        description=(
            "A new version gets all its pods beside the present one, is reached by NAME-preview, "
            "and takes over in one turn. maxSurge has to leave room for them."
        ),
    )
    shadow: Shadow | None = Field(
        None,
        description=(
            "A new version answers copies of requests, is judged by that, and takes over in one "
            "turn: until then nobody gets an answer of it. It needs traffic.gateway."
        ),
    )
    analysis: Analysis | None = Field(
        None,
        description=(
            "What must hold while the canary takes traffic; by default it has at most one point "
            "more errors and refusals than stable. none: {} opts out."
        ),
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "!has(self.none) || !has(self.metrics)",
                    "give either none or metrics",
                )
            ]
        },
    )
    before_traffic: BeforeTraffic | None = Field(
        None,
        description=(
            "What must hold before a new version has any traffic, beside that it takes and gives "
            "all that stable does."
        ),
        json_schema_extra={"x-kubernetes-validations": [ASKS_SOMETHING]},
    )
    max_surge: Surge = Field(
        "100%",
        description=(
            "Pods that there may be beside replicas, of all versions together, as a number or in "
            "percent of replicas (rounded up). What is on trial has them first, then what was "
            "replaced. With few, a new version takes the pods over one by one."
        ),
    )
    keep_replaced: Duration = Field(
        "30s",
        description=(
            "How long the pods of what was replaced are kept, at most: maxSurge cuts them, and the "
            "next version waits for 30s of it only. Until then, a spec that names it again goes "
            "back at once, without steps."
        ),
        json_schema_extra=within(longest="720h"),
    )
    keep_failed: Duration | None = Field(
        None,
        description=(
            "How long the pods of what was rolled back last stay once requests have left them, at "
            "most, so that their logs can be read; by default they go at once. maxSurge cuts them."
        ),
        json_schema_extra=within(longest="720h"),
    )
    bake: Duration | None = Field(
        None,
        description=(
            "How long what was promoted is still watched, at most keepReplaced; by default not at "
            "all. Where its pods crash, or a metric with a limit of its own (maximum, minimum) "
            "fails, what it replaced takes over again at once. Newer versions wait for the end."
        ),
        json_schema_extra=within("1s", "720h"),
    )
    progress_deadline: Duration = Field(
        "10m",
        description=(
            "Longest time for pods to become ready before a rollout is rolled back; it begins "
            "when nothing of the cluster hinders them any more."
        ),
        json_schema_extra=within("1s"),
    )
    deadline: Duration = Field(
        "24h",
        description=(
            "Longest time for a whole rollout, pauses included. Then it goes back to stable, and "
            "the version is tried again when somebody asks for retry."
        ),
        json_schema_extra=within("1m", "720h"),
    )
    on_new_version: Literal["Finish", "Restart"] = Field(
        "Finish",
        description=(
            "What a newer version does to a canary under way: Finish lets it end first, "
            "Restart begins anew with the newest."
        ),
    )

    @property
    def strategy(self) -> str:
        """Return what is asked for, by its field; by default a canary."""
        if self.shadow is not None:
            return "shadow"
        return "blueGreen" if self.blue_green is not None else "canary"

    @property
    def steps(self) -> list[Step]:
        """Return the steps of what is asked for, by default the operator's own."""
        asked = self.shadow or self.blue_green or self.canary
        return list(DEFAULT_STEPS) if asked is None else asked.as_steps

    def surge(self, replicas: int) -> int:
        """Return how many pods there may be beside so many replicas, at least one of any."""
        if isinstance(self.max_surge, int):
            return self.max_surge
        percent = int(self.max_surge.removesuffix("%"))
        return -(-replicas * percent // 100)

    @property
    def judging(self) -> Analysis:
        """Return how the canary is judged, by default the operator's own way."""
        return Analysis() if self.analysis is None else self.analysis
