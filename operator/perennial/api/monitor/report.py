"""Reports from the request log, and how the newest one went."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.resources import Resources
from perennial.api.values import Duration, Text, Time, within


class Report(ApiModel):
    """A Job reads the request log: for labels that come late, and for a page for people."""

    every: Duration = Field(
        "24h",
        description="Time between the beginnings of two reports.",
        json_schema_extra=within("1s", "720h"),
    )
    deadline: Duration = Field(
        "1h",
        description="Longest time that its Job may take.",
        json_schema_extra=within("1s", "24h"),
    )
    resources: Resources | None = Field(
        None, description="Requests and limits of its container, as in a pod."
    )


class EqualRowsStatus(ApiModel):
    """Predictions whose features are all those of another one, as the newest report counted."""

    version: str = Field(
        description="Whose predictions they are: of its digest the beginning.", max_length=64
    )
    time: Time = Field(description="Up to when the log was read.")
    rows: int = Field(description="Among so many rows these shares are expected.")
    fraction: float = Field(description="Share of the rows that repeat another one.")
    usual: float = Field(description="The same of the reference.")
    p: float = Field(description="Chance of so many more where nothing is wrong.")


class ReportStatus(ApiModel):
    """The newest report."""

    number: int = Field(0, description="Number of the report that was begun last.")
    generation: int = Field(0, description="Generation of the spec that it was begun for.")
    asked: str | None = Field(
        None,
        description="Hash of what the spec asked of it; absent: of older operators.",
        max_length=16,
    )
    due_time: Time | None = Field(
        None,
        description=(
            "When the first is begun, or one that is long overdue: at a moment of the monitor's "
            "own; absent once it is begun."
        ),
    )
    start_time: Time | None = Field(None, description="When it was begun.")
    finish_time: Time | None = Field(None, description="When it ended; absent while it is made.")
    seen: bool = Field(False, description="Its Job was seen.")
    job: str = Field("", description="Uid of that Job; of older operators empty.", max_length=64)
    failures: int = Field(0, description="Reports in a row that failed.")
    message: Text = Field("", description="How it ended, in a sentence.")
    published: int | None = Field(None, description="Number of the newest that was published.")
    published_job: str = Field(
        "", description="Uid of the Job that made it; of older operators empty.", max_length=64
    )
    uri: str = Field("", description="Where that one is, report.html.", max_length=1024)
    equal_rows: EqualRowsStatus | None = Field(
        None, description="What it counted of rows that repeat another one; absent where not known."
    )
