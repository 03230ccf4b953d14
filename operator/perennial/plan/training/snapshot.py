"""What a decision about a ModelTraining depends on."""

from dataclasses import dataclass
from datetime import datetime

from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.api.values import Json
from perennial.api.version import ModelVersion
from perennial.plan.core import Settings
from perennial.plan.training.feedback import Source, source


@dataclass(frozen=True)
class TrainingSnapshot:
    """All that a decision about a ModelTraining depends on."""

    training: ModelTraining
    now: datetime
    settings: Settings
    jobs: tuple[Json, ...] = ()
    config_maps: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()
    job_events: tuple[Json, ...] = ()
    """What the Job's controller said of pods that it could not make, where some are lacking."""
    versions: tuple[ModelVersion, ...] = ()
    monitors: tuple[DriftMonitor, ...] = ()
    deployed: frozenset[str] = frozenset()
    feedback_deployment: ModelDeployment | None = None
    """The ModelDeployment whose feedback the spec asks for."""

    def job(self, name: str) -> Json | None:
        """Return a Job by its name."""
        return next((j for j in self.jobs if j["metadata"]["name"] == name), None)

    def config_map(self, name: str) -> Json | None:
        """Return a ConfigMap by its name."""
        return next((c for c in self.config_maps if c["metadata"]["name"] == name), None)

    @property
    def feedback(self) -> Source | None:
        """Where the feedback is that the runs learn from, None where none is wanted."""
        return source(self.training, self.feedback_deployment)
