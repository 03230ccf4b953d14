"""Whether a write that takes pods or requests away may be done, by what is there just before it.

A decision may be behind: the cache is, by a moment, and another leader may have written since. What
is known is written as the very version that was seen; so only the rest can have changed meanwhile,
and of that nothing matters but the promise itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from perennial.api import API_VERSION
from perennial.api.values import Json
from perennial.plan.core.premise import ROUTES, Name, name_of
from perennial.plan.rollout.goal import Traffic
from perennial.plan.rollout.snapshot import REVISION_LABEL, DeploymentSnapshot


@dataclass(frozen=True)
class KeepsCapacity:
    """As many ready pods have requests after a write as before, up to those that are asked for."""

    s: DeploymentSnapshot
    traffic: Traffic
    given: int = 0
    """Ready pods that may be given up all the same."""

    @property
    def names(self) -> tuple[Name, ...]:
        """Return the ModelDeployment, its Service, and the other children that were seen."""
        seen = (name_of(live) for live in (*self.s.workloads, *self.s.services, *self.s.routes))
        return (self._owner, self._service, *seen)

    def allows(self, present: Mapping[Name, Json | None], lowered: Name, then: Json | None) -> bool:
        """Tell whether one of the objects may become as is wanted.

        Not if the ModelDeployment has changed at all: it tells how many pods are asked for, and
        what is on trial.
        """
        owner, seen = present[self._owner] or {"metadata": {}}, self.s.deployment.metadata
        found = (owner["metadata"].get("uid"), owner["metadata"].get("resourceVersion"))
        if found != (seen.uid, seen.resource_version):
            return False
        before = self._seen(present)
        after = self._seen({**present, lowered: _changed(present[lowered], then)})
        serving = min(self._ready(before), self.s.replicas)
        if not self._share(before, after):
            return False
        if serving == 0:
            return True
        return self._ready(after) >= serving - self.given and self._answers(before, after)

    def _answers(self, before: DeploymentSnapshot, after: DeploymentSnapshot) -> bool:
        """Tell whether each revision that requests reach newly has a pod for them.

        Stable may join without: its pods have requests as they become ready.
        """
        stable = self.s.deployment.status.stable
        known = self.traffic.reached(before) | {stable.revision if stable is not None else ""}
        return all(after.ready_as_reported(r) > 0 for r in self.traffic.reached(after) - known)

    def _share(self, before: DeploymentSnapshot, after: DeploymentSnapshot) -> bool:
        """Tell whether what others join has the pods yet that were seen: else these have all."""
        now, then = self.traffic.reached(before), self.traffic.reached(after)
        return then <= now or all(
            after.ready_as_reported(r) >= min(self.s.ready(r), self.s.asked(r)) for r in now & then
        )

    def _ready(self, s: DeploymentSnapshot) -> float:
        """Return what the ready pods that requests reach answer, without those about to end."""
        lasting = {r: min(s.ready_as_reported(r), s.asked(r)) for r in s.populated}
        return self.traffic.capacity(s, lasting)

    def _seen(self, present: Mapping[Name, Json | None]) -> DeploymentSnapshot:
        """Return what is observed, with the objects as they are."""
        live = [body for (_, kind, *_), body in present.items() if kind == "Deployment" and body]
        ours = (body for body in live if REVISION_LABEL in body["metadata"].get("labels", {}))
        routes = tuple(body for (_, kind, *_), body in present.items() if kind in ROUTES and body)
        service = present[self._service]
        return replace(self.s, workloads=tuple(ours), service=service, routes=routes)

    @property
    def _owner(self) -> Name:
        meta = self.s.deployment.metadata
        return API_VERSION, self.s.deployment.kind(), meta.namespace, meta.name

    @property
    def _service(self) -> Name:
        meta = self.s.deployment.metadata
        return "v1", "Service", meta.namespace, meta.name


def _changed(present: Json | None, then: Json | None) -> Json | None:
    """Return an object as it is once something was applied to it, None where it is deleted."""
    if present is None or then is None:
        return then
    metadata = present["metadata"]
    if present["kind"] in ROUTES:
        # What is accepted now is another generation, and until this one is, that may be in force.
        newer = {"generation": metadata.get("generation", 0) + 1}
        metadata = {**metadata, "annotations": then["metadata"].get("annotations", {}), **newer}
    return {**present, "metadata": metadata, "spec": {**present["spec"], **then["spec"]}}


def as_seen(s: DeploymentSnapshot, child: Json) -> Json:
    """Return a child with the uid and the version of the object that is to be changed.

    So that a late write neither brings back what was deleted nor changes what has changed since.
    """
    own = (*s.workloads, *([s.service] if s.service else []), *s.beside)
    name = (child["kind"], child["metadata"]["name"])
    live = next((o for o in own if (o["kind"], o["metadata"]["name"]) == name), None)
    if live is None:
        return child
    known = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
    return {**child, "metadata": {**child["metadata"], **known}}
