"""The kind ModelTraining."""

from typing import ClassVar

from pydantic import Field

from perennial.api.common import AGE, Column, Kind
from perennial.api.training.spec import TrainingSpec
from perennial.api.training.status import TrainingStatus
from perennial.api.values import Json, rule


class ModelTraining(Kind):
    """Keeps a model trained: runs candidates, proves them, and records the winner."""

    PLURAL: ClassVar[str] = "modeltrainings"
    SHORT: ClassVar[str] = "mt"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Ready", json_path='.status.conditions[?(@.type=="Ready")].status'),
        Column(name="Training", json_path=".status.printed.training"),
        Column(name="Champion", json_path=".status.champion.version"),
        Column(name="Metric", json_path=".status.printed.metric"),
        Column(name="Last-Run", json_path=".status.lastRun.outcome"),
        Column(name="Finished", json_path=".status.lastRun.finishTime", type="date"),
        Column(name="Reason", json_path='.status.conditions[?(@.type=="Ready")].reason'),
        AGE,
        Column(
            name="Message",
            json_path='.status.conditions[?(@.type=="Ready")].message',
            priority=1,
        ),
    )
    RULES: ClassVar[tuple[Json, ...]] = (
        rule(
            "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')"
            " && size(self.metadata.name) <= 52",
            "name must be a DNS label of at most 52 characters: the training pods' host names "
            "begin with it",
        ),
    )

    spec: TrainingSpec = Field(description="What to train, and what it must prove.")
    status: TrainingStatus = Field(
        TrainingStatus(), description="What the operator knows about the training."
    )
