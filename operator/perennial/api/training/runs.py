"""When runs start, and how their Jobs are run."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.resources import Resources
from perennial.api.values import Duration, within


class Schedule(ApiModel):
    """When runs start by themselves."""

    cron: str = Field(
        description='Five cron fields, for example "0 3 * * *".',
        min_length=9,
        max_length=128,
        # Not \S: what is a space differs between the API server's expressions and Python's.
        pattern=r"^[!-~]+( +[!-~]+){4}$",
        json_schema_extra={
            "x-message": "write five cron fields (minute, hour, day, month, weekday), such as "
            '"0 3 * * *"'
        },
    )
    time_zone: str = Field(
        "Etc/UTC", description="IANA time zone of the cron fields.", min_length=1, max_length=64
    )


class JobOptions(ApiModel):
    """How a run's Job is run."""

    parallelism: int = Field(2, ge=1, le=64, description="Candidates trained at the same time.")
    backoff_limit: int = Field(2, ge=0, le=20, description="Retries of each candidate.")
    active_deadline: Duration = Field(
        "1h",
        description=(
            "Longest time that a run may take. While its pods wait for the cluster, and no other "
            "run is wished for, its Job is given more."
        ),
        json_schema_extra=within("1s"),
    )
    resources: Resources | None = Field(
        None, description="Requests and limits of the training container, as in a pod."
    )
    service_account_name: str = Field(
        "", description="Service account of the training pods.", max_length=253
    )
