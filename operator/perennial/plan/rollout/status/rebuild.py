"""What the children, and a version's record, tell that no status does."""

from perennial.api.deployment import (
    ArtifactRef,
    DeploymentStatus,
    ModelDeployment,
    Rejection,
    Revision,
)
from perennial.api.values import Json
from perennial.plan.core import REQUEST_ANNOTATION
from perennial.plan.rollout.snapshot import (
    REPLACED,
    REVISION_LABEL,
    ROLE_LABEL,
    DeploymentSnapshot,
)
from perennial.plan.rollout.state import REJECTIONS_KEPT, State, rejection
from perennial.plan.serving.revision import Record, as_written, newest


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


def takes_untried(deployment: ModelDeployment, status: DeploymentStatus) -> bool:
    """Tell whether the wanted version would serve without a trial: nothing does, or is to."""
    return status.promoted_time is None or deployment.spec.replicas == 0


def recall(s: DeploymentSnapshot, state: State) -> State:
    """Reject what live traffic refuted, as its ModelVersion tells, where no trial would find out.

    Not a version that the spec names: that is a person's wish.
    """
    status, follows = state.status, s.deployment.spec.model.training_ref is not None
    found = _refuted(s) if follows and takes_untried(s.deployment, status) else None
    known = {r.revision for r in (status.stable, status.canary) if r is not None}
    if found is None or found.revision in known or rejection(status, found.revision) is not None:
        return state
    return state.set(rejected=[*status.rejected, found][-REJECTIONS_KEPT:])


def _remembered(s: DeploymentSnapshot, stable: Json) -> list[Rejection]:
    """Return this deployment's own rejection of the wanted version, as its ModelVersion tells."""
    found, outcome = _refuted(s), s.version.refuted if s.version is not None else None
    if found is None or outcome is None or outcome.deployment != s.deployment.metadata.name:
        return []
    serves = stable["metadata"]["labels"][REVISION_LABEL] == found.revision
    return [] if serves else [found]


def _refuted(s: DeploymentSnapshot) -> Rejection | None:
    """Return the rejection of the wanted version that its ModelVersion tells of."""
    outcome = s.version.refuted if s.version is not None else None
    if s.version is None or outcome is None:
        return None
    found = s.version.spec.artifact
    written = as_written(s.deployment, ArtifactRef(uri=found.uri, sha256=found.sha256))
    record = newest(s.records, written)
    return Rejection(
        revision=record.name if record is not None else f"{written}-1",
        version=s.version.metadata.name,
        reason=outcome.reason,
        message=outcome.message,
        time=outcome.time or s.now,
    )


def _revision_of(s: DeploymentSnapshot, live: Json) -> Revision:
    """Return the revision that a Deployment was made for: as recorded, else as it runs."""
    record = s.record(live["metadata"]["labels"][REVISION_LABEL])
    return (record or Record.adopt(live)).revision
