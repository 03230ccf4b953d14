"""The kind ModelVersion."""

from typing import ClassVar

from pydantic import Field

from perennial.api.common import AGE, Column, Kind
from perennial.api.values import rule
from perennial.api.version.spec import VersionSpec
from perennial.api.version.status import Outcome, VersionStatus


class ModelVersion(Kind):
    """The immutable record of one proven model: made by a ModelTraining's run, or imported."""

    PLURAL: ClassVar[str] = "modelversions"
    SHORT: ClassVar[str] = "mv"
    SELECTABLE: ClassVar[tuple[str, ...]] = (".spec.source.trainingRef.name",)
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Training", json_path=".spec.source.trainingRef.name"),
        Column(name="Algorithm", json_path=".spec.algorithm"),
        Column(name="Metric", json_path=".status.printed.metric"),
        Column(name="Deployed", json_path='.status.conditions[?(@.type=="Deployed")].status'),
        Column(name="Outcome", json_path=".status.outcome.reason"),
        AGE,
        Column(name="Rows", json_path=".spec.dataset.rows", type="integer", priority=1),
        Column(name="Parent", json_path=".spec.parent", priority=1),
        Column(name="Sha256", json_path=".spec.artifact.sha256", priority=1),
    )

    spec: VersionSpec = Field(
        description="What was trained, from what, and how good it proved.",
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "self == oldSelf", "a ModelVersion never changes: train again to get a new one"
                )
            ]
        },
    )
    status: VersionStatus = Field(
        VersionStatus(), description="Where the version is deployed and what became of it."
    )

    @property
    def refuted(self) -> Outcome | None:
        """How live traffic had it rolled back; None where it had not."""
        outcome = self.status.outcome
        return outcome if outcome is not None and outcome.reason == "RolledBack" else None
