"""What must still be so when a write lands that takes capacity away.

Between a decision and its writes another leader may have written. What adds capacity does no harm
then; what takes it away is done only while all that it leans on is as it was seen.
"""

from collections.abc import Sequence

from perennial.api import API_VERSION
from perennial.api.base import Json
from perennial.plan.premise import Premise
from perennial.plan.rollout.snapshot import REVISION_LABEL, DeploymentSnapshot


def premises(s: DeploymentSnapshot, children: Sequence[Json]) -> tuple[Premise, ...]:
    """Return what the lowering writes of a pass lean on.

    The ModelDeployment, whose status tells what is on trial: it must not have changed at all. The
    Service, with the revisions that it names. The pods of each revision that stays.
    """
    meta = s.deployment.metadata
    at = (API_VERSION, s.deployment.kind(), meta.namespace, meta.name, meta.uid)
    found = [Premise(*at, version=meta.resource_version)]
    if s.service is not None:
        uid, selector = s.service["metadata"]["uid"], s.service["spec"].get("selector")
        found.append(Premise("v1", "Service", meta.namespace, meta.name, uid, selector=selector))
    for child in children:
        if child["kind"] != "Deployment":
            continue
        revision, name = child["metadata"]["labels"][REVISION_LABEL], child["metadata"]["name"]
        live = s.workload(revision)
        pods = min(s.ready(revision), s.asked(revision), int(child["spec"]["replicas"]))
        if live is not None and pods > 0:
            uid = live["metadata"]["uid"]
            found.append(Premise("apps/v1", "Deployment", meta.namespace, name, uid, pods=pods))
    return tuple(found)


def as_seen(s: DeploymentSnapshot, child: Json) -> Json:
    """Return a child with the uid of the object that is to be changed.

    So that a late write neither brings back what was deleted nor changes what was made since.
    """
    if child["kind"] == "Service":
        live = s.service
    else:
        live = s.workload(child["metadata"]["labels"][REVISION_LABEL])
    if live is None:
        return child
    return {**child, "metadata": {**child["metadata"], "uid": live["metadata"]["uid"]}}
