"""A rollout's world with a Gateway, whose controller is late, refuses, is away, or forgets."""

from dataclasses import replace
from typing import Any

from api_server import Killed  # noqa: F401
from rollout_world import REVISION, World, Writer, _is_same, _labels, _sent

from perennial.api.values import Json
from perennial.cluster.client import Outdated
from perennial.plan.core import Deletion, Finding, Premise
from perennial.plan.core.premise import POLICY, ROUTES, Name, name_of
from perennial.plan.core.signature import differences
from perennial.plan.rollout import DeploymentSnapshot
from perennial.plan.rollout.state import is_undone

Shares = dict[str, int]
GATEWAY = {"gateway": {"parentRefs": [{"name": "public"}]}}
OWN = "flights"


class GatewayWorld(World):
    """Services of single revisions, and routes that a Gateway takes up when it likes to.

    Requests go by ``in_force`` (percent by revision); where a share has no ready pods, they fail.
    ``lag`` is how often the controller looks before it takes a route up: the proxy does so halfway,
    before the status tells. ``refuses`` is what it says instead, and while ``is_away`` it does
    nothing. ``unlisted`` is why the operator may not list routes, which go on as they are.
    """

    def __init__(self, analysis: dict[str, Any] | None = None, **spec: Any) -> None:
        self.children: dict[tuple[str, str], Json] = {}
        self.in_force: Shares = {}
        self.lag, self.waited = 0, 0
        self.refuses, self.is_away = "", False
        self.unlisted: Finding | None = None
        super().__init__(analysis, **{"traffic": GATEWAY, **spec})

    # What the Gateway does.

    @property
    def route(self) -> Json | None:
        """The HTTPRoute."""
        return self.children.get(("HTTPRoute", OWN))

    def grow(self, pods: int = 1000) -> bool:
        return super().grow(pods) | self.control()

    def control(self) -> bool:
        """Let the Gateway's controller look once; tell whether it did, or will do, anything."""
        live = self.route
        if live is None:
            self.in_force = {}
            return False
        if self.is_away or live.get("status") == self._status(live):
            return False
        self.waited += 1
        if not self.refuses and 2 * self.waited >= self.lag:
            self.in_force = weights(live)
        if self.waited > self.lag:
            live["status"], self.waited = self._status(live), 0
            self._touch(live)
        return True

    def _status(self, live: Json) -> Json:
        """Return what the controller says of a route."""
        generation, word = live["metadata"]["generation"], "False" if self.refuses else "True"
        accepted = {"type": "Accepted", "status": word, "reason": self.refuses or "Accepted"}
        resolved = {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs"}
        told = [{**c, "observedGeneration": generation} for c in (accepted, resolved)]
        refs = live["spec"]["parentRefs"]
        return {"parents": [{"parentRef": ref, "conditions": told} for ref in refs]}

    def edit_route(self, share: int) -> None:
        """Let a hand give every backend the same weight."""
        if (live := self.route) is not None:
            for ref in dividing(live)["backendRefs"]:
                ref["weight"] = share
            live["metadata"]["generation"] += 1
            self._touch(live)

    # What is there.

    def truths(self) -> list[Shares]:
        """Return how requests are divided, and how they will be once the route is taken up."""
        live = self.route
        return [s for s in (self.in_force, weights(live) if live is not None else {}) if s]

    def selected(self) -> list[str]:
        if not self.in_force:
            return super().selected()
        return [r for r in self.workloads if self.in_force.get(r, 0) > 0]

    def lasting(self, revision: str) -> int:
        live = self.workloads.get(revision)
        return min(self.ready(revision), live["spec"]["replicas"]) if live else 0

    def capacity(self) -> Any:
        """Return the pods' worth of requests that are answered, at the worst; to a percent."""
        if not self.truths():
            return super().capacity()
        return min(
            sum(self.answered_by(revision, share) for revision, share in shares.items()) / 100
            for shares in self.truths()
        )

    def answered_by(self, revision: str, share: int) -> int:
        """Return what of a share is answered, in hundredths of a pod's worth."""
        asked, pods = self.replicas * share, 100 * self.lasting(revision)
        near = self.replicas if self.replicas < 100 else 100
        return asked if pods and asked <= pods + near else min(asked, pods)

    def inside(self) -> int:
        """Return the ready pods behind the Service, for callers inside the cluster."""
        return sum(self.lasting(revision) for revision in World.selected(self))

    def _observed(self) -> DeploymentSnapshot:
        found = [
            _sent(live)
            for live in self.children.values()
            if self.unlisted is None or live["kind"] == "Service"
        ]
        whole, services = super()._observed(), (live for live in found if live["kind"] == "Service")
        return replace(
            whole,
            services=(*whole.services, *services),
            routes=tuple(live for live in found if live["kind"] in ROUTES),
            policies=tuple(live for live in found if live["kind"] == POLICY),
            no_routes=self.unlisted,
        )

    def live(self, wanted: Json) -> Json | None:
        own = self.children.get((wanted["kind"], wanted["metadata"]["name"]))
        return own if is_child(wanted) else super().live(wanted)

    def at(self, name: Name) -> Json | None:
        """Return an object by its name."""
        _, kind, _, own = name
        if (kind, own) in self.children:
            return self.children[kind, own]
        if kind == "Service":
            return self.service if own == OWN else self.services.get(own)
        return self.workloads.get(own.removeprefix(f"{OWN}-")) if kind == "Deployment" else None

    def would_change(self, wanted: Json) -> bool:
        live = self.known(wanted)
        if live is not None and wanted["kind"] in ROUTES:
            notes = wanted["metadata"].get("annotations", {}).items()
            if not notes <= live["metadata"].get("annotations", {}).items():
                return True
        return super().would_change(wanted)

    def _leads_users(self, wanted: Json) -> bool:
        return wanted["kind"] in ROUTES or super()._leads_users(wanted)

    def _turns(self, wanted: Json) -> bool:
        live = self.live(wanted)
        if wanted["kind"] in ROUTES:
            return live is not None and bool(live["spec"] != wanted["spec"])
        return super()._turns(wanted)

    # What is written.

    def writer(self, cut: int) -> Writer:
        return GatewayWriter(self, cut)

    def write(self, wanted: Json) -> None:
        if not is_child(wanted):
            inside = self.inside()
            super().write(wanted)
            if wanted["kind"] == "Service" and not self.is_late:
                assert self.inside() >= min(inside, self.replicas), "fewer answer inside"
            return
        live, capacity = self.live(wanted), self.capacity()
        self.writes += 1
        meta = {**wanted["metadata"], "uid": self._uid(live), "generation": 1}
        meta["creationTimestamp"] = (live or self.deployment.to_json())["metadata"].get(
            "creationTimestamp", "2026-01-01T12:00:00Z"
        )
        if live is not None:
            changed = live["spec"] != wanted["spec"]
            meta["generation"] = live["metadata"]["generation"] + changed
        made = _sent({**wanted, "metadata": meta})
        made["status"] = _sent((live or {}).get("status", {}))
        if wanted["kind"] == "Service":
            assert live is None or live["spec"]["selector"] == made["spec"]["selector"]
            assert made["spec"]["selector"][REVISION] == _labels(made)[REVISION]
        elif wanted["kind"] in ROUTES:
            self._check_route(live, made)
        self.children[made["kind"], made["metadata"]["name"]] = made
        self._touch(made)
        self._check(capacity, [], f"{wanted['kind']} {weights(made)}")

    def note(self, key: tuple[str, str]) -> None:
        """Let the operator know a route or a Service as it is."""

    def remove(self, kind: str, name: str) -> None:
        """Delete a route or a Service, by the operator."""
        self.writes += 1
        if kind == "Service" and (live := self.route) is not None:
            assert name not in str(live["spec"]), f"{name} goes while the route names it"
        del self.children[kind, name]

    def _check_route(self, live: Json | None, made: Json) -> None:
        """Check what a route may never say."""
        for rule in made["spec"]["rules"]:
            refs = rule["backendRefs"]
            assert sum(ref["weight"] for ref in refs if "weight" in ref) == 100
            assert all(ref["weight"] > 0 for ref in refs)
            for ref in refs:
                is_there = ("Service", ref["name"]) in self.children
                assert is_there or self.is_behind, f"{ref['name']} is not there"
        before, after = weights(live) if live is not None else {}, weights(made)
        status = self.planned or self.deployment.status
        stable = status.stable.revision if status.stable is not None else ""
        for revision, share in after.items():
            is_known = live is not None or not self.is_behind  # else nothing was asked before
            if revision != stable and share > before.get(revision, 0) and is_known:
                assert self.ready(revision) > 0, f"{revision} has requests before a pod"
        self._check_trial(before, after)

    def _check_trial(self, before: Shares, after: Shares) -> None:
        """Check that what is on trial has never more than its share, nor any unseen."""
        status = self.planned
        if status is None or status.stable is None or status.canary is None or self.is_late:
            return
        stable, canary, step = status.stable.revision, status.canary.revision, status.step
        if is_undone(status) or status.promoting or step is None:
            return
        steps = self.deployment.spec.rollout.steps[: step.index + 1]
        most = next((t.set_weight for t in reversed(steps) if t.set_weight is not None), 0)
        if status.paused:
            most = status.weight.asked if status.weight is not None else 0
        share = after.get(canary, 0)
        assert share <= max(most, 0), f"the canary has {share} %, and is to have {most}"
        self.served |= {stable}
        pair = (stable, canary)
        if share <= before.get(canary, 0) or canary in self.served or pair in self.accepted:
            return
        if self.ready(stable) and wanted_differs(self, stable, canary):
            old, new = (self.signature_of(revision) for revision in pair)
            assert old is not None and new is not None and not differences(old, new)

    def _check_share(self, before: list[str]) -> None:
        """By a route shares are exact, whatever the pods."""

    def _check_signature(self, before: list[str]) -> None:
        """The route is what gives it requests."""

    @property
    def objects(self) -> dict[str, Any]:
        routes = {str(key): live["spec"] for key, live in self.children.items()}
        return {**super().objects, **routes}


class GatewayWriter(Writer):
    """The API server as far as carrying out a plan sees it, with routes."""

    _world: GatewayWorld

    def _ask(self, premise: Premise | None, name: Name, known: Json, then: Json | None) -> None:
        assert premise is not None
        if name not in premise.names:
            raise Outdated(name[3])
        world, meta = self._world, self._world.deployment.metadata
        owner = {"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version}}
        now: dict[Name, Json | None] = {name: known}
        for other in premise.names:
            if other != name:
                is_owner = other[1] == world.deployment.kind()
                now[other] = owner if is_owner else _sent(world.at(other))
                world.note((other[1], other[3]))
        if not premise.allows(now, name, then):
            world.is_forbidden = True
            raise Outdated(name[3])

    async def delete(self, deletion: Deletion, premise: Premise | None = None) -> None:
        world, key = self._world, (deletion.kind, deletion.name)
        live = world.children.get(key)
        if live is None:
            world.note(key)
            await super().delete(deletion, premise)
            return
        name = name_of(live)
        if premise is not None and name in premise.names:
            self._ask(premise, name, live, None)
        self._counted(True)
        if not _is_same(live, {"uid": deletion.uid, "resourceVersion": deletion.version}):
            world.note(key)
            raise Outdated(deletion.name)
        self._refuse("deletion", deletion.name)
        world.remove(*key)

    async def apply(self, wanted: Json, premise: Premise | None = None) -> bool:
        try:
            return await super().apply(wanted, premise)
        except Outdated:
            self._world.note((wanted["kind"], wanted["metadata"]["name"]))
            raise


def wanted_differs(world: World, one: str, other: str) -> bool:
    """Tell whether two revisions serve different models."""
    from rollout_world import wanted_sha

    return wanted_sha(world.workloads[one]) != wanted_sha(world.workloads[other])


def is_child(body: Json) -> bool:
    """Tell whether an object is a route, or a Service beside the one of the ModelDeployment."""
    is_one = body["kind"] == "Service" and REVISION in _labels(body)
    return is_one or body["kind"] in {*ROUTES, POLICY}


def dividing(live: Json) -> Json:
    """Return the rule of a route that divides what no header chooses: the last such, REST's."""
    rules: list[Json] = live["spec"]["rules"]
    return [r for r in rules if not (r.get("matches") or [{}])[0].get("headers")][-1]


def weights(live: Json) -> Shares:
    """Return the shares that a route gives to revisions."""
    refs = dividing(live)["backendRefs"] if live["kind"] in ROUTES else []
    total = sum(ref["weight"] for ref in refs)
    return {ref["name"].removeprefix(f"{OWN}-"): 100 * ref["weight"] // total for ref in refs}
