"""How a goal is made so, write by write. Begin to read here.

A goal says which revisions are to have which share of the traffic, and how many pods. Getting
there takes many passes, and each of them does what may be done by now:

1. **Capacity before weight.** What is to grow grows, as far as the budget of pods goes.
2. **Weight.** Requests are sent elsewhere once the pods that are to take them are ready there.
3. **Scale-down after weight.** What is to shrink shrinks by what is ready beyond the pods asked
   for, once requests were *seen* to go where they are to; what serves does so last.

So there are never fewer ready pods behind the Service than asked for while that many can be had,
wherever the operator is killed between two writes, and whichever of them is refused. Nothing here
knows what a canary is, or how requests are divided.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

from perennial.api.values import Json
from perennial.plan.core import Deletion, owned_by
from perennial.plan.rollout.goal import Arm, Goal, Seen, Traffic
from perennial.plan.rollout.snapshot import REVISION_LABEL, ROLE_LABEL, DeploymentSnapshot
from perennial.plan.serving.workload import workload

Pods = dict[str, int]
"""Pods by revision."""


@dataclass(frozen=True)
class Way:
    """The way from what was observed to a goal."""

    s: DeploymentSnapshot
    goal: Goal
    traffic: Traffic

    def children(self) -> tuple[Json, ...]:
        """Return the children to apply in this pass, in the order of their writes."""
        grown = self._grown()
        route = self._route(grown)
        turns = route is not None and self.traffic.turns(self.s, route)
        stays = turns or not self.traffic.is_known(self.s)
        sizes = grown if stays else self._shrunk(grown)
        larger: list[Json] = []
        smaller: list[Json] = []
        for revision, role in self._roles.items():
            record = self.s.record(revision)
            if record is None:
                continue  # it is recorded first
            child = workload(self.s.deployment, record, role, sizes[revision])
            (smaller if sizes[revision] < self.s.asked(revision) else larger).append(child)
        return (*larger, *self.traffic.objects(self.s, route), *smaller)

    def seen(self) -> Seen:
        """Return how far the goal is so."""
        s, pods = self.s, self._final
        return Seen(
            complete=frozenset(r for r, n in pods.items() if s.ready(r) >= n),
            lacking=frozenset(r for r, n in pods.items() if s.ready(r) < min(n, s.asked(r))),
            routed=self.traffic.is_set(s, self.goal),
            makes=self.traffic.makes(self.goal, pods),
        )

    def unreached(self, named: frozenset[str]) -> tuple[Deletion, ...]:
        """Return the Deployments to delete: those that nobody names and no request reaches."""
        if not self.traffic.is_known(self.s):
            return ()
        is_known = bool(self._reached) or self.traffic.is_set(self.s, self.goal)
        return tuple(
            Deletion.of(live)
            for revision, live in self._workloads.items()
            if owned_by(live, self.s.deployment.metadata.uid)
            and revision not in named | self._reached | {arm.revision for arm in self.goal.arms}
            and (is_known or self.s.asked(revision) + self.s.ready_as_reported(revision) == 0)
        )

    # 1. Capacity before weight.

    def _grown(self) -> Pods:
        """Return the pods to ask for before anything shrinks: what is to grow, in the budget."""
        grown = {revision: self.s.asked(revision) for revision in self._roles}
        room = self._budget - sum(grown.values())
        for arm in self.goal.arms:
            more = self._wanted[arm.revision] - grown[arm.revision]
            if more <= 0 or (arm.share == 0 and self._would_share(arm.revision)):
                continue
            first = 1 if arm.share > 0 and grown[arm.revision] == 0 else 0  # else nothing moves
            given = min(more, max(room, first))
            grown[arm.revision] += given
            room -= given
        return grown

    def _would_share(self, revision: str) -> bool:
        """Tell whether requests reach a revision among others, so that more pods have more."""
        return revision in self._reached and len(self._reached) > 1

    # 2. Weight.

    def _route(self, grown: Pods) -> Goal | None:
        """Return by which shares requests are to go from this pass on; None: as they do."""
        if self._can_take(self.goal, self._wanted):
            return self.goal
        between = self._between()
        if not self._reached:
            return between
        # Not all pods fit in at once: those that are here take their part, so that others can go.
        is_cut = any(grown[r] < self._wanted[r] for r in self.goal.answering)
        # What leaves gives up what others can take by now, where that is no more than their share.
        gives = bool(self._leaving) and not self.traffic.BY_PODS
        return between if (is_cut or gives) and self._can_take(between, grown) else None

    def _can_take(self, route: Goal, pods: Pods) -> bool:
        """Tell whether enough pods are ready where a route leads, and no others are there."""
        then = self.traffic.reached(self.s, route)
        joining = route.answering - self._reached
        if self._leaving:
            joining -= {route.stable}  # it joins pod by pod, so that what leaves can go
        if any(self.s.ready(revision) < max(1, pods[revision]) for revision in joining):
            return False
        if self.traffic.BY_PODS and joining - {route.stable} and self._stable_gets_ready(route):
            return False  # others would have more than their shares until it is
        if then - self._reached - route.answering - self.goal.answering:
            return False  # whose pods would have requests that they are not to have
        return self.traffic.capacity(self.s, self._lasting, route) >= self._floor

    def _stable_gets_ready(self, route: Goal) -> bool:
        """Tell whether stable's part of a route is not ready, but may be soon."""
        stable = route.stable
        if stable not in route.answering & self._reached:
            return False
        part = min(self._final[stable], self.s.asked(stable))
        return self.s.ready(stable) < part and self.s.gets_ready(stable)

    def _between(self) -> Goal:
        """Return the shares on the way to the goal, as far as pods are ready."""
        leaving = [Arm(revision, "", 0, 0) for revision in sorted(self._leaving)]
        goal = Goal((*self.goal.arms, *leaving))
        taking = self.goal.answering | self._reached
        ready = {a.revision: self.s.ready(a.revision) * (a.revision in taking) for a in goal.arms}
        return self.traffic.between(self.s, goal, self._leaving, ready)

    # 3. Scale-down after weight.

    def _shrunk(self, grown: Pods) -> Pods:
        """Return the pods to ask for: fewer where enough others are ready behind the Service."""
        sizes, stable = dict(grown), self.goal.stable
        ready = {revision: self._lasting[revision] for revision in self._reached}
        others = self.goal.answering - {stable}
        stable_waits = any(self.s.ready(revision) < grown[revision] for revision in others)
        for revision in reversed(self._roles):
            if revision not in self._wanted or (revision == stable and stable_waits):
                continue
            kept = min(self._needed(revision, ready), sizes[revision])
            sizes[revision] = min(sizes[revision], max(self._wanted[revision], kept))
            if revision in ready:
                ready[revision] = min(ready[revision], sizes[revision])
        return sizes

    def _needed(self, revision: str, ready: Pods) -> int:
        """Return the fewest ready pods of a revision, beside others', that capacity takes."""
        if revision not in ready:
            return 0
        counts = range(self.s.asked(revision) + 1)

        def capacity(count: int) -> float:
            return self.traffic.capacity(self.s, {**ready, revision: count})

        return bisect_left(counts, self._floor, key=capacity)

    @cached_property
    def _floor(self) -> float:
        """The ready pods that requests must reach: those asked for, as far as there are any."""
        return self._serving - self.given

    @cached_property
    def given(self) -> int:
        """The ready pods that are given up: none, but where the cluster has no room for stable.

        Then one pod at a time of what has to go makes it.
        """
        trouble = self.s.trouble(self.goal.stable) if self._leaving else None
        lacks_room = trouble is not None and trouble.blame == "Cluster"
        is_given = any(self.s.has_ending_pods(revision) for revision in self._leaving)
        return int(lacks_room and not is_given and self._serving > 1)

    @cached_property
    def _serving(self) -> float:
        reported = {revision: self.s.ready_as_reported(revision) for revision in self._reached}
        return min(self.s.replicas, self.traffic.capacity(self.s, reported))

    # What all three look at.

    @cached_property
    def _lasting(self) -> Pods:
        """The ready pods of each revision, without those that are about to end."""
        return {r: min(self.s.ready(r), self.s.asked(r)) for r in self._roles}

    @cached_property
    def _wanted(self) -> Pods:
        """The pods of what has a part, and of what leaves; what has neither is deleted instead."""
        wanted, stable = {**dict.fromkeys(self._leaving, 0), **self._final}, self.goal.stable
        if stable in self._reached:
            # As requests go now, it may need more than the goal gives it.
            others = sum(self.s.asked(revision) for revision in self._reached - {stable})
            wanted[stable] = max(wanted[stable], self.s.replicas - others)
        return wanted

    @cached_property
    def _final(self) -> Pods:
        """The pods of each arm in the end; those that only stand by are cut to the budget."""
        # What leaves has its pods until others can do without them: these are not to be had yet.
        used = sum(self.s.asked(revision) for revision in self._leaving)
        pods = dict(self.traffic.pods(self.goal, self.s.replicas, self._budget - used))
        answering = self.goal.answering
        used += sum(pods[revision] for revision in answering)
        for arm in self.goal.arms:
            if arm.revision not in answering:
                pods[arm.revision] = max(0, min(pods[arm.revision], self._budget - used))
                used += pods[arm.revision]
        return pods

    @cached_property
    def _budget(self) -> int:
        """The pods that there may be of all revisions together."""
        return self.s.replicas + self.s.deployment.spec.rollout.surge(self.s.replicas)

    @cached_property
    def _reached(self) -> frozenset[str]:
        """The revisions with pods that requests reach now."""
        return self.traffic.reached(self.s)

    @cached_property
    def _leaving(self) -> frozenset[str]:
        """The revisions that have no part in the goal, but requests yet."""
        return self._reached - {arm.revision for arm in self.goal.arms}

    @cached_property
    def _roles(self) -> dict[str, str]:
        """All revisions and their roles: the goal's arms, stable first, then those without."""
        labels = {r: str(w["metadata"]["labels"][ROLE_LABEL]) for r, w in self._workloads.items()}
        arms = {arm.revision: arm.role for arm in self.goal.arms}
        return arms | {r: role for r, role in labels.items() if r not in arms}

    @cached_property
    def _workloads(self) -> dict[str, Json]:
        """The Deployments by their revisions."""
        return {str(live["metadata"]["labels"][REVISION_LABEL]): live for live in self.s.workloads}
