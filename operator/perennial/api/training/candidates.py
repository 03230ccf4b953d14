"""The algorithms that compete."""

from typing import Any

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Name, rule


class SearchSpace(ApiModel):
    """One parameter's distribution: exactly one of int, float or choice."""

    int_: list[int] | None = Field(
        None,
        alias="int",
        description="Whole numbers from the first to the second, both included.",
        min_length=2,
        max_length=2,
    )
    float_: list[float] | None = Field(
        None,
        alias="float",
        description="Numbers from the first to the second.",
        min_length=2,
        max_length=2,
    )
    log: bool = Field(False, description="Draw evenly on a logarithmic scale (float only).")
    # Of any type, so a rule in CEL does not see it: the operator checks that it is alone.
    choice: list[Any] | None = Field(
        None,
        description="One of these values, of any type, null included.",
        min_length=1,
        max_length=64,
        json_schema_extra={"x-preserve-items": True},
    )


class Search(ApiModel):
    """A random search over parameters, scored on rows held out of the training rows."""

    trials: int = Field(8, ge=1, le=256, description="How many settings are tried.")
    parameters: dict[str, SearchSpace] = Field(
        description="Distribution of each parameter, by the estimator's own parameter name.",
        min_length=1,
        max_length=32,
        json_schema_extra={
            "x-item-validations": [
                rule(
                    "!has(self.int) || !has(self.float)",
                    "give exactly one of int, float or choice",
                ),
                rule(
                    "!has(self.int) || self.int[0] <= self.int[1]",
                    "int must be [lowest, highest]",
                ),
                rule(
                    "!has(self.float) || self.float[0] <= self.float[1]",
                    "float must be [lowest, highest]",
                ),
                rule(
                    "!has(self.log) || !self.log || (has(self.float) && self.float[0] > 0.0)",
                    "log needs float bounds above zero",
                ),
            ]
        },
    )


class Candidate(ApiModel):
    """One algorithm that competes to become the champion."""

    name: Name = Field(description="Name of the candidate, unique in the list.")
    algorithm: str = Field(
        description=(
            "A scikit-learn estimator by its own name, such as HistGradientBoostingClassifier."
        ),
        min_length=1,
        max_length=64,
        pattern=r"^[A-Z][A-Za-z0-9]+$",
        json_schema_extra={
            "x-message": "write a scikit-learn estimator by its own name, such as "
            "LogisticRegression"
        },
    )
    parameters: dict[str, Any] = Field(
        {},
        description="Parameters of the estimator, by its own parameter names.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    search: Search | None = Field(
        None, description="Parameters to search for; the others stay as given."
    )
