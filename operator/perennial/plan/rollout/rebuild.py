"""What the children, and a version's record, tell of a status that was lost."""

from perennial.api.base import Json
from perennial.api.deployment import ArtifactRef, Rejection, Revision
from perennial.plan.core import REQUEST_ANNOTATION
from perennial.plan.record import Record, as_written, newest
from perennial.plan.rollout.capacity import REPLACED
from perennial.plan.rollout.snapshot import REVISION_LABEL, ROLE_LABEL, DeploymentSnapshot
from perennial.plan.rollout.state import State


def rebuild(s: DeploymentSnapshot, state: State) -> State:
    """Rebuild a lost status from the children's labels; what serves is kept."""
    chosen = s.likely_stable
    if chosen is None:
        return state
    retired = [w for w in s.workloads if w["metadata"]["labels"].get(ROLE_LABEL) == REPLACED]
    replaced = next((_revision_of(s, w) for w in retired if w is not chosen), None)
    # What was asked for was handled, as far as we know: undo must not come twice.
    asked = s.deployment.metadata.annotations.get(REQUEST_ANNOTATION, "")[:253]
    return state.set(
        stable=_revision_of(s, chosen),
        replaced=replaced,
        promoted_time=s.now,
        last_request=asked,
        rejected=_remembered(s, chosen),
    )


def _remembered(s: DeploymentSnapshot, stable: Json) -> list[Rejection]:
    """Return the rejection of the wanted version that its ModelVersion still tells of."""
    outcome = s.version.status.outcome if s.version is not None else None
    if s.version is None or outcome is None or outcome.reason != "RolledBack":
        return []
    found = s.version.spec.artifact
    written = as_written(s.deployment, ArtifactRef(uri=found.uri, sha256=found.sha256))
    record = newest(s.records, written)
    revision = record.name if record is not None else f"{written}-1"
    serves = stable["metadata"]["labels"][REVISION_LABEL] == revision
    if serves or outcome.deployment != s.deployment.metadata.name:
        return []
    return [
        Rejection(
            revision=revision,
            version=s.version.metadata.name,
            reason=outcome.reason,
            message=outcome.message,
            time=outcome.time or s.now,
        )
    ]


def _revision_of(s: DeploymentSnapshot, live: Json) -> Revision:
    """Return the revision that a Deployment was made for: as recorded, else as it runs."""
    record = s.record(live["metadata"]["labels"][REVISION_LABEL])
    return (record or Record.adopt(live)).revision
