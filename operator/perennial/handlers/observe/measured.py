"""What was measured of canaries since it was last written."""

from typing import NamedTuple

from perennial.api.deployment import (
    AnalysisStatus,
    DeploymentStatus,
    ExperimentStatus,
    ModelDeployment,
)
from perennial.plan.core import Plan


class Parts(NamedTuple):
    """What is measured: of a canary, and of an experiment's arms."""

    analysis: AnalysisStatus | None = None
    experiment: ExperimentStatus | None = None


class _Found(NamedTuple):
    uid: str
    written: Parts
    found: Parts


class Measured:
    """The newest analysis of each ModelDeployment, where its status is not written yet.

    It spares the pods to be asked twice, and what they counted outlives their restart. An operator
    that is killed forgets it, and finds the same in what the pods counted since what is written.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Found] = {}

    def recall(self, deployment: ModelDeployment) -> Parts:
        """Return what was found since the status was written; nothing where that is nothing."""
        meta = deployment.metadata
        known = self._known.get((meta.namespace, meta.name))
        if known is None or (known.uid, known.written) != (meta.uid, _parts(deployment.status)):
            return Parts()
        return known.found

    def note(self, deployment: ModelDeployment, plan: Plan) -> None:
        """Keep what a plan found, where it is not written."""
        meta = deployment.metadata
        self.forget(meta.namespace, meta.name)
        if plan.may_wait and isinstance(plan.status, DeploymentStatus):
            found = _Found(meta.uid, _parts(deployment.status), _parts(plan.status))
            self._known[(meta.namespace, meta.name)] = found

    def forget(self, namespace: str, name: str) -> None:
        """Keep nothing of a ModelDeployment."""
        self._known.pop((namespace, name), None)


def _parts(status: DeploymentStatus) -> Parts:
    return Parts(status.analysis, status.experiment)
