"""The test of drift."""

from typing import Annotated

from pydantic import Field

from perennial.api.common import ApiModel

FeatureName = Annotated[str, Field(max_length=253)]


class DriftTest(ApiModel):
    """A limit of its own for some features."""

    name: str = Field(description="Name, unique in the list.", min_length=1, max_length=63)
    threshold: float | None = Field(
        None,
        gt=0,
        le=100,
        description=(
            "Score from which these features have drifted, in place of what is learned of each "
            "(at first 0.1). Chance is ruled out all the same."
        ),
    )
    features: list[FeatureName] = Field(
        [],
        description="Features that are tested so; by default all that no earlier test names.",
        max_length=512,
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
