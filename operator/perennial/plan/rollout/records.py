"""Which revisions are to be recorded, and which records nobody needs any more."""

from perennial.api.deployment import DeploymentStatus, Revision
from perennial.plan.core import Deletion
from perennial.plan.rollout.snapshot import REVISION_LABEL, DeploymentSnapshot, other_models
from perennial.plan.serving.children import child_name
from perennial.plan.serving.revision import Record, as_written, counted, newest, records_to_delete
from perennial.plan.serving.template import recorded


def missing(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[Record, ...]:
    """Return what is to be recorded before any child is made of it: what has no record yet.

    Of a Deployment that has none, what runs is what was decided; nobody need name it, since it is
    to have fewer pods before it goes.
    """
    labels = ((live, live["metadata"]["labels"][REVISION_LABEL]) for live in s.workloads)
    adopted = [Record.adopt(live) for live, revision in labels if s.record(revision) is None]
    made = [
        recorded(s.deployment, revision, s.settings)
        for revision in (status.stable, status.canary, status.replaced, *status.variants)
        if revision is not None
        and s.record(revision.revision) is None
        and s.workload(revision.revision) is None
        and _is_as_written(s, revision)
    ]
    return (*adopted, *made)


def _is_as_written(s: DeploymentSnapshot, revision: Revision) -> bool:
    """Tell whether a revision is what the user wrote by now: of spec.model, or of another model."""
    written = (s.deployment, *(s.as_if(model).deployment for model in other_models(s.deployment)))
    name = counted(revision.revision)[0]
    return any(name == as_written(deployment, revision.artifact) for deployment in written)


def outdated(s: DeploymentSnapshot, status: DeploymentStatus) -> tuple[Deletion, ...]:
    """Return the records to delete: the oldest beyond those that are kept, of those not named."""
    known = (status, s.deployment.status)
    named = {r.revision for k in known for r in (k.stable, k.canary, k.replaced) if r is not None}
    named |= {r.revision for k in known for r in k.variants}
    named |= {r.revision for r in status.rejected}
    named |= {w["metadata"]["labels"].get(REVISION_LABEL, "") for w in s.workloads}
    # The newest of each hash is what an edit back to it would want.
    written = {counted(r.name)[0] for r in s.records if r.name in named}
    named |= {r.name for h in written if (r := newest(s.records, h)) is not None}
    old = records_to_delete(s.records, frozenset(named))
    at = ("apps/v1", "ControllerRevision", s.deployment.metadata.namespace)
    return tuple(Deletion(*at, child_name(s.deployment, r.name), r.uid, r.version) for r in old)
