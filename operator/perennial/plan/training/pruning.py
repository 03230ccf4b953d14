"""Which versions are kept."""

from perennial.api import API_VERSION
from perennial.api.training import TrainingStatus
from perennial.plan.core import Deletion
from perennial.plan.training.snapshot import TrainingSnapshot


def pruned(s: TrainingSnapshot, status: TrainingStatus) -> tuple[Deletion, ...]:
    """Return the oldest versions beyond the limit that nobody serves."""
    kept = {status.champion.version} if status.champion else set()
    free = [v for v in s.versions if v.metadata.name not in s.deployed | kept]
    free.sort(key=lambda v: v.spec.run)
    excess = len(free) - s.training.spec.version_history_limit
    return tuple(
        Deletion(
            API_VERSION, "ModelVersion", m.namespace, m.name, m.uid, version=m.resource_version
        )
        for m in (v.metadata for v in free[: max(0, excess)])
    )
