"""The rows that a model learns from."""

from pydantic import Field

from perennial.api.common import ApiModel, LocalRef
from perennial.api.store import OPENABLE, SECRET
from perennial.api.values import Duration, Uri, within
from perennial_artifact.manifest import SplitMethod
from perennial_artifact.result import CheckAction, DeclaredKind


class Split(ApiModel):
    """How rows are held out for the proof."""

    method: SplitMethod = Field(
        "Random",
        description=(
            "Random holds rows out by a hash of their values, the same share of each class, so "
            "that a row stays on its side when files change; Time holds out the newest rows and "
            "needs timeColumn; Grouped keeps all rows with the same value of column together."
        ),
    )
    test_fraction: float = Field(
        0.2, ge=0.01, le=0.9, description="Share of the rows that is held out."
    )
    column: str | None = Field(
        None,
        description="Column whose value says which rows belong together (Grouped only).",
        min_length=1,
        max_length=253,
    )
    gap: Duration | None = Field(
        None,
        description=(
            "Rows this short a time before the oldest held-out one are left out, so that nothing "
            "that they share with it is learned (Time only)."
        ),
        json_schema_extra=within("1s", "8760h"),
    )


class DeclaredColumn(ApiModel):
    """What a column holds, where the rule for it would be wrong."""

    name: str = Field(description="Name of the column.", min_length=1, max_length=253)
    kind: DeclaredKind = Field(
        description=(
            "Number; Category, which is text; Boolean; Time, of which hour, weekday, day and month "
            "are learned; or Ignore, which leaves the column out."
        )
    )


class Checks(ApiModel):
    """What is done about what a check finds in the rows: told in status (default), or refused."""

    constant: CheckAction | None = Field(None, description="Columns with one value in all rows.")
    near_constant: CheckAction | None = Field(
        None, description="Columns with one value in 99 % of the rows."
    )
    leaking: CheckAction | None = Field(
        None, description="Columns that alone tell nearly every answer, as what is known late."
    )
    identifier_like: CheckAction | None = Field(
        None, description="Columns with another value in nearly every row."
    )
    duplicate_rows: CheckAction | None = Field(None, description="Rows that repeat others.")
    missing: CheckAction | None = Field(None, description="Columns that are mostly missing.")
    imbalance: CheckAction | None = Field(None, description="Rare classes.")
    shared: CheckAction | None = Field(
        None, description="Held-out rows that are equal to rows that are learned from."
    )


class Feedback(ApiModel):
    """Answered requests whose truth came back, as rows to learn from."""

    deployment_ref: LocalRef = Field(
        description=(
            "ModelDeployment whose request log and feedback are joined; its "
            "spec.serving.requestLog must allow every feature."
        )
    )


class Dataset(ApiModel):
    """The rows that the model learns from."""

    uri: Uri = Field(
        description=(
            "A file, a prefix ending in /, or a glob, such as s3://data/flights/2013-*.parquet. "
            "Parquet or CSV by suffix, CSV also as .csv.gz; of a path such as year=2013/ the "
            "values become columns."
        ),
        json_schema_extra=OPENABLE,
    )
    target: str = Field(description="Column to predict.", min_length=1, max_length=253)
    positive_class: str | None = Field(
        None,
        description=(
            "The class that metrics of two classes, such as f1, are about; by default the last in "
            "order, such as 1, true or yes."
        ),
        max_length=253,
    )
    features: list[str] = Field(
        [],
        description=(
            "Columns to learn from; by default all but target, timeColumn and split.column."
        ),
        max_length=512,
        json_schema_extra={"x-items-max-length": 253, "x-kubernetes-list-type": "set"},
    )
    columns: list[DeclaredColumn] = Field(
        [],
        description=(
            "What columns hold, where it should not be settled by rule. By rule a column is a "
            "Number where all values in all files are numbers, Boolean where all are true or "
            "false, else a Category; times are left out unless they are declared. Status tells "
            "what was settled."
        ),
        max_length=512,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    missing: list[str] = Field(
        [],
        description=(
            "Words that mean missing in any column, besides the empty one; in a column of numbers "
            "the usual ones (NA, NaN, null, ?) mean it anyway."
        ),
        max_length=32,
        json_schema_extra={"x-items-max-length": 64, "x-kubernetes-list-type": "set"},
    )
    checks: Checks = Field(Checks(), description="What to do about what is odd in the rows.")
    time_column: str | None = Field(
        None, description="Column that says when a row happened.", min_length=1, max_length=253
    )
    newest: Duration | None = Field(
        None,
        description=(
            "Rows older than this when a run starts are left out, those of feedback, too; it needs "
            "timeColumn. By default all rows are learned from."
        ),
        json_schema_extra=within("1s"),
    )
    split: Split = Field(Split(), description="How rows are held out for the proof.")
    secret_ref: LocalRef | None = Field(
        None,
        description=(
            f"{SECRET} By default that of the artifact store, of which only the keys of the "
            "dataset's own scheme are read."
        ),
    )
    feedback: Feedback | None = Field(
        None,
        description=(
            "Add the logged requests of a ModelDeployment, with the labels that its feedback "
            "endpoint was told, to the rows."
        ),
    )
