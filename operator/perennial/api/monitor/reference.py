"""What live traffic is compared with."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Json, rule


class SameHours(ApiModel):
    """Rows that were learned from of the same hours of the day."""

    time_zone: str = Field(
        "Etc/UTC",
        description=(
            "IANA time zone by whose clock the times in dataset.timeColumn are that name no zone; "
            "those that name one are told in UTC."
        ),
        min_length=1,
        max_length=64,
    )


REFERENCE: Json = {
    "x-kubernetes-validations": [
        rule(
            "has(self.sameHours)",
            "give sameHours; without reference all rows that were learned from are compared with",
        )
    ]
}


class Reference(ApiModel):
    """What live traffic is compared with."""

    same_hours: SameHours | None = Field(
        None,
        description=(
            "The rows of the hours of the day that the window is in, and of an hour before and "
            "after: what comes and goes with the day is then no drift on the first one. The "
            "ModelTraining needs dataset.timeColumn, with times of day. Where fewer than 200 rows "
            "are of these hours, all are compared with, and the status says so; on the first day "
            "drift then needs 0.25, as less may be the time of day."
        ),
    )
