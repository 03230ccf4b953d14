"""How the model server runs."""

from typing import Annotated, Literal

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.resources import Resources
from perennial.api.store import StoreRef
from perennial.api.values import ByteSize, HeaderName, rule, sized


class Batching(ApiModel):
    """How requests that wait at the same time run together; no request waits for another."""

    max_rows: int = Field(
        ge=0,
        le=65_536,
        description="Most rows that run together; 0 runs every request by itself.",
    )


class Limits(ApiModel):
    """What one pod takes on; beyond it a request is refused, and nothing else suffers."""

    max_body_size: ByteSize | None = Field(
        None,
        description="Largest request (16Mi by default); a larger one is answered with 413.",
        json_schema_extra=sized("1Ki", "1Gi"),
    )
    max_in_flight: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description=(
            "Most requests at once (1024 by default); one more is answered with 503 and "
            "Retry-After."
        ),
    )


InputName = Annotated[str, Field(min_length=1, max_length=253)]


class RequestLog(ApiModel):
    """Which requests and answers are kept as Parquet files, and the feedback endpoint.

    They are written below logs/NAMESPACE/NAME in the store, in the background.
    """

    sample_fraction: float = Field(
        1.0, gt=0, le=1, description="Share of the requests that is logged, drawn at random."
    )
    features: list[InputName] = Field(
        [],
        description=(
            "Inputs that may be logged; by default none, only the answers, so that private "
            "columns never leave the pod."
        ),
        max_length=512,
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    store: StoreRef | None = Field(
        None,
        description=(
            "Store of the log; by default that of the ModelTraining, else the one that the chart "
            "set, where the namespace may have that."
        ),
    )


Reward = Annotated[float, Field(ge=-1e15, le=1e15)]


class RewardRange(ApiModel):
    """Between what rewards lie; feedback with another one is refused."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                rule("self.minimum < self.maximum", "minimum must be below maximum")
            ]
        }
    }

    minimum: Reward = Field(description="The smallest reward that there is.")
    maximum: Reward = Field(description="The largest reward that there is.")


class Receipts(ApiModel):
    """A receipt in each answer; feedback that quotes it is counted at once, with no store."""

    reward: RewardRange | None = Field(
        None, description="What rewards there are; by default any number."
    )


class Serving(ApiModel):
    """How the model server runs."""

    # A new field has no default here: it would make a new revision of everybody's.
    resources: Resources | None = Field(
        None, description="Requests and limits of the serving container, as in a pod."
    )
    batching: Batching | None = Field(
        None, description="How requests run together; by default up to 256 rows do."
    )
    drift_windows: Literal["Enabled", "Disabled"] | None = Field(
        None,
        description=(
            "Enabled, the default, counts every row for the DriftMonitors that watch this; "
            "Disabled spares the few microseconds a row that it costs."
        ),
    )
    limits: Limits | None = Field(None, description="What one pod takes on.")
    request_log: RequestLog | None = Field(
        None,
        description=(
            "Keep requests and answers, and take feedback about them; by default neither. "
            "Joined, they are rows for the next training (ModelTraining spec.dataset.feedback)."
        ),
    )
    receipts: Receipts | None = Field(
        None,
        description=(
            "Give each answer a receipt, sealed with a key of this ModelDeployment's own, and "
            "count the labels and rewards of feedback that quotes one; by default neither."
        ),
    )
    pairs: Literal["Enabled", "Disabled"] | None = Field(
        None,
        description=(
            "Enabled keeps some answers in memory by their requests' names, so that those of two "
            "versions to the same requests can be compared (rollout.shadow, disagreement); by "
            "default none is kept."
        ),
    )
    caller_header: HeaderName | None = Field(
        None,
        description=(
            "Header whose value names the caller; requests are counted by it (32 callers by name)."
        ),
    )
