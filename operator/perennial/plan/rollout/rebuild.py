"""What the children, and a version's record, tell of a status that was lost."""

from perennial.api.base import Json
from perennial.api.deployment import ArtifactRef, Rejection, Revision
from perennial.plan.core import REQUEST_ANNOTATION
from perennial.plan.pods import secret_of
from perennial.plan.requestlog import attached
from perennial.plan.rollout.capacity import REPLACED
from perennial.plan.rollout.snapshot import REVISION_LABEL, ROLE_LABEL, DeploymentSnapshot
from perennial.plan.rollout.state import State
from perennial.plan.workload import revision_hash


def rebuild(s: DeploymentSnapshot, state: State) -> State:
    """Rebuild a lost status from the children's labels; what serves is kept."""
    chosen = s.likely_stable
    if chosen is None:
        return state
    retired = [w for w in s.workloads if w["metadata"]["labels"].get(ROLE_LABEL) == REPLACED]
    replaced = next((_revision_of(w) for w in retired if w is not chosen), None)
    # What was asked for was handled, as far as we know: undo must not come twice.
    asked = s.deployment.metadata.annotations.get(REQUEST_ANNOTATION, "")[:253]
    return state.set(
        stable=_revision_of(chosen),
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
    revision = revision_hash(s.deployment, s.version.spec.artifact.sha256)
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


def _revision_of(live: Json) -> Revision:
    """Return the revision that a Deployment was made for."""
    labels = live["metadata"]["labels"]
    pod = live["spec"]["template"]["spec"]
    env = {e["name"]: e.get("value", "") for e in pod["initContainers"][0]["env"]}
    return Revision(
        version=labels.get("perennial.dev/version", ""),
        artifact=ArtifactRef(
            uri=env["PERENNIAL_ARTIFACT_URI"], sha256=env["PERENNIAL_ARTIFACT_SHA256"]
        ),
        revision=labels["perennial.dev/revision"],
        secret=secret_of(pod, "store"),
        request_log=attached(pod),
    )
