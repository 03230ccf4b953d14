"""The children, in the order of their writes: capacity before weight, weight before scale-down.

No write lowers the ready pods behind the Service below what is asked for: the Service is turned
only to where enough of them are, and a workload is deleted once the Service was seen turned away
from it.
"""

from perennial.api.base import Json
from perennial.api.deployment import DeploymentStatus, Revision
from perennial.plan.core import Deletion, owned_by
from perennial.plan.rollout.snapshot import (
    REVISION_LABEL,
    ROLE_LABEL,
    DeploymentSnapshot,
    ready_pods,
)
from perennial.plan.workload import service, workload

SCALE_DOWN_DELAY_SECONDS = 30
REPLACED = "replaced"
REQUESTED = "Requested"
"""Why a rollout is paused that a person asked to pause."""


def children(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[Json, ...]:
    """Return the wanted children in the order of their writes: capacity before weight."""
    stable, canary, step = status.stable, status.canary, status.step
    assert stable is not None
    wanted = s.replicas

    def made(revision: Revision, role: str, replicas: int) -> Json | None:
        record = s.record(revision.revision)
        return workload(s.deployment, record, role, replicas) if record is not None else None

    if canary is None or step is None:
        front = _front(s, stable, stable.revision)
        whole = (made(stable, "stable", wanted), front, *_retired(s, status))
        return tuple(child for child in whole if child is not None)
    asked = status.weight.asked if status.weight is not None else 0
    selection = stable.revision if asked <= 0 else canary.revision if asked >= 100 else None
    goal = s.sizes(s.weight_at(step.index))
    if status.promoting:
        goal = (s.in_force(status)[0], wanted)
    elif status.paused == REQUESTED and asked > 0:
        goal = s.in_force(status)  # somebody said stop: no pod joins, though a step scales
    front = _front(s, stable, selection)
    goals = {canary.revision: goal[1], stable.revision: goal[0]}
    waits: set[str] = set()  # what shrinks waits for the Service, and stable for the canary
    if s.service is None or s.selection != selection:
        # Until the Service was *seen* turned: that write may be refused, and this one not.
        waits = set(goals)
    elif step.start_time is None and wanted > 0:
        waits = {stable.revision}
    goals |= {revision: max(goals[revision], s.asked(revision)) for revision in waits}
    goals = _spared(s, selection, goals)
    both = (
        made(stable, "stable", goals[stable.revision]),
        made(canary, "canary", goals[canary.revision]),
    )
    sized = [child for child in both if child is not None]
    shrinking = [
        w
        for w in sized
        if w["spec"].get("replicas", 0) < s.asked(w["metadata"]["labels"][REVISION_LABEL])
    ]
    return (*(w for w in sized if w not in shrinking), front, *shrinking)


def _spared(s: DeploymentSnapshot, selection: str | None, goals: dict[str, int]) -> dict[str, int]:
    """Return the pods to ask for: no fewer than there are while the others are not ready."""
    behind = s.answering(selection)
    needed = min(s.replicas, sum(ready_pods(w) for w in behind))
    # Pods that are about to end are ready, but not to be counted on.
    revisions = [str(w["metadata"]["labels"][REVISION_LABEL]) for w in behind]
    ready = {r: min(s.ready(r), s.asked(r)) for r in revisions}
    spared = dict(goals)
    for revision in [r for r in goals if r in ready]:
        missing = needed - sum(n for other, n in ready.items() if other != revision)
        spared[revision] = max(goals[revision], min(missing, s.asked(revision)))
        ready[revision] = min(ready[revision], spared[revision])
    return spared


def _front(s: DeploymentSnapshot, stable: Revision, wanted: str | None) -> Json:
    """Return the Service, turned to a selection (None for all) where enough pods are ready.

    Where stable cannot have them, as on a full node, it is turned nevertheless: what has to go
    makes room.
    """
    present = s.selection
    now = sum(ready_pods(w) for w in s.answering(present))
    needed = min(s.replicas, now) if s.service is not None else 0
    then = sum(s.ready(w["metadata"]["labels"][REVISION_LABEL]) for w in s.answering(wanted))
    stuck = then > 0 and s.trouble(stable.revision) is not None
    enough = then >= needed or stuck
    return service(s.deployment, wanted if enough else present)


def _retired(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[Json, ...]:
    """Return the replaced revision's Deployment, kept for undo; it loses its pods after a delay."""
    replaced, since = status.replaced, status.promoted_time
    if replaced is None or since is None or not s.is_closed(status):
        return ()
    live, record = s.workload(replaced.revision), s.record(replaced.revision)
    on_trial = status.canary is not None and status.canary.revision == replaced.revision
    waited = (s.now - since).total_seconds()
    if live is None or record is None or on_trial or waited < SCALE_DOWN_DELAY_SECONDS:
        return ()
    return (workload(s.deployment, record, REPLACED, 0),)


def surplus(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[Deletion, ...]:
    """Return the Deployments to delete: those that nobody names and no request reaches."""
    if not s.is_closed(status):
        return ()
    # Only what the stored status has forgotten too, so that a decision is recorded before.
    named = {
        r.revision
        for known in (status, s.deployment.status)
        for r in (known.stable, known.canary, known.replaced)
        if r is not None
    }
    return tuple(
        Deletion("apps/v1", "Deployment", *_identity(w))
        for w in s.workloads
        if owned_by(w, s.deployment.metadata.uid)
        and w["metadata"]["labels"].get(REVISION_LABEL) not in named
    )


def _identity(live: Json) -> tuple[str, str, str, str]:
    meta = live["metadata"]
    return meta["namespace"], meta["name"], meta["uid"], meta.get("resourceVersion", "")


def lingers(s: DeploymentSnapshot, status: DeploymentStatus) -> bool:
    """Tell whether the replaced revision is not retired yet, or has pods."""
    live = s.workload(status.replaced.revision) if status.replaced is not None else None
    if live is None:
        return False
    retired = live["metadata"]["labels"].get(ROLE_LABEL) == REPLACED
    return not retired or live["spec"].get("replicas", 1) > 0 or ready_pods(live) > 0
