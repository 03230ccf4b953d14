"""Shadow: copies of requests, no user's answer before the one turn, no decision from too little."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_world import USUAL, World, signature
from test_collisions import on_trial, paused
from test_rollout import NEW_SHA, advance, stable_revision, stable_sha

from effort import tried
from perennial.api.values import Json
from perennial.plan.rollout import DeploymentSnapshot
from perennial.plan.rollout.goal import Goal
from perennial.plan.rollout.strategies import strategy_of
from perennial.plan.rollout.traffic import PROVIDERS, replicas

SHADOW: dict[str, Any] = {"duration": "30s"}
PLANNED = {"planned": 100, "waitAtMost": "60s"}
COPIES = "copies"
SECONDS = [0.0, 1.0, 5.0, 31.0]
VERBS = ["", "", "", "pause", "resume", "abort", "promote"]


class Mirroring:
    """Shares by pods, and copies of requests as a label of the Service says."""

    pods, makes, reached = map(staticmethod, (replicas.pods, replicas.makes, replicas.reached))
    measured = staticmethod(replicas.measured)

    def is_set(self, s: DeploymentSnapshot, goal: Goal) -> bool:
        return replicas.is_set(s, goal) and copies(s.service) == asked(goal)

    def objects(self, s: DeploymentSnapshot, goal: Goal | None) -> tuple[Json, ...]:
        (service,) = replicas.objects(s, goal)
        wanted = copies(s.service) if goal is None else asked(goal)
        meta = service["metadata"]
        labels = {**meta["labels"], **({COPIES: wanted} if wanted else {})}
        return ({**service, "metadata": {**meta, "labels": labels}},)


def asked(goal: Goal) -> str:
    return "".join(f"{arm.revision}.{arm.mirror}" for arm in goal.arms if arm.mirror)


def copies(service: Json | None) -> str:
    return str(service["metadata"]["labels"].get(COPIES, "")) if service is not None else ""


class Copied(World):
    """A world whose gateway sends copies of requests, and where the shadow's own are checked."""

    is_asked = False
    """Whether a person let it go on."""
    at_least = 0.0

    def ask(self, request: str) -> None:
        self.is_asked = self.is_asked or request.startswith(("promote", "undo"))
        super().ask(request)

    def _serve(self) -> None:
        super()._serve()
        revision, _, percent = copies(self.service).rpartition(".")
        if revision in self.workloads and self.ready(revision):
            n = self.requests_per_pass * int(percent) / 100
            self._count(revision, n, self.error_rate, self.refusal_rate, self.seconds_each)

    def write(self, wanted: Json) -> None:
        super().write(wanted)
        self.check()

    def check(self) -> None:
        """Check that nobody gets an answer of what is on trial before it takes over."""
        status = self.planned or self.deployment.status
        canary = status.canary
        if canary is None or status.promoted_time is None or self.is_late:
            return
        goal = strategy_of(self.deployment.spec.rollout).goal(self._observed(), status)
        assert sum(arm.share for arm in goal.arms) == 100
        assert all(arm.share == 0 or arm.mirror == 0 for arm in goal.arms)
        if not status.promoting:
            assert canary.revision not in self.selected()
        elif not self.is_asked:
            assert self.requests_of(canary.revision) >= self.at_least


@pytest.fixture(autouse=True)
def gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "replicas", Mirroring())  # type: ignore[arg-type]


def shadowed(shadow: dict[str, Any] = SHADOW, pods: int = 4, **more: Any) -> Copied:
    """Return a serving world whose pods take a pass each to start or end."""
    more = {"analysis": PLANNED, **more}
    world = Copied(rollout={"shadow": shadow, **more}, replicas=pods)
    world.instant = False
    world.settle()
    return world


def shadow_of(world: World) -> str:
    canary = world.deployment.status.canary
    assert canary is not None
    return canary.revision


def test_it_answers_copies_and_then_takes_over_in_one_turn() -> None:
    world = shadowed()
    old = stable_revision(world)
    world.wish(NEW_SHA)
    told = advance(world, lambda w: copies(w.service) != "")
    new = shadow_of(world)
    assert copies(world.service) == f"{new}.100" and world.selected() == [old]
    told += advance(world, lambda w: w.deployment.status.weight is not None)
    began = world.seconds
    assert told == ["CanaryStarted", "MirrorSet"] and world.ready(new) == 4
    (shadow,) = (r for r in world.deployment.status.revisions if r.revision == new)
    assert shadow.share is not None and shadow.share.asked == shadow.share.actual == 0
    printed = world.deployment.status.printed
    assert printed is not None and (printed.step, printed.weight) == ("shadow", "0/0")
    turns = []
    while stable_sha(world) != NEW_SHA:
        world.step()
        world.grow(1)
        turns.append(tuple(world.selected()))
    assert set(turns) == {(old,), (new,)} and world.seconds - began >= 30
    world.settle()
    assert copies(world.service) == "" and world.running() == [new]


def test_it_has_pods_for_the_share_that_is_copied() -> None:
    world = shadowed({**SHADOW, "mirror": 30}, pods=5)
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    assert world.workloads[shadow_of(world)]["spec"]["replicas"] == 2
    assert copies(world.service).endswith(".30")


@pytest.mark.parametrize("how", ["error_rate", "refusal_rate"])
def test_one_that_is_worse_goes_and_nobody_had_an_answer_of_it(how: str) -> None:
    world = shadowed()
    old = stable_revision(world)
    setattr(world, how, 0.5)
    world.wish(NEW_SHA)
    told = advance(world, lambda w: bool(w.deployment.status.rejected))
    assert "RolledBack" in told
    (rejected,) = world.deployment.status.rejected
    assert rejected.reason == "AnalysisFailed"
    world.settle()
    assert world.running() == [old] and copies(world.service) == ""


def test_without_requests_a_person_decides_and_not_the_clock() -> None:
    world = shadowed()
    world.requests_per_pass = 0
    world.wish(NEW_SHA)
    told = advance(world, paused)
    assert world.deployment.status.paused == "AnalysisUndecided" and told[-1] == "RolloutPaused"
    world.settle()
    assert stable_sha(world) != NEW_SHA and copies(world.service) != ""  # it goes on meanwhile
    world.ask("promote/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_then_pause_waits_for_a_person_and_copies_on() -> None:
    world = shadowed({**SHADOW, "then": "Pause"})
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, paused)
    assert world.deployment.status.paused == "CanaryPauseStep"
    assert world.selected() == [old] and copies(world.service) != ""
    world.ask("promote/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA and copies(world.service) == ""


def test_before_it_is_found_to_take_what_stable_does_it_has_no_copies() -> None:
    world = shadowed()
    world.signatures[NEW_SHA] = signature("hour")
    world.wish(NEW_SHA)
    advance(world, paused)
    assert world.deployment.status.paused == "SignatureChanged" and copies(world.service) == ""
    world.ask("promote/1")
    advance(world, lambda w: copies(w.service) != "")
    assert on_trial(world) == NEW_SHA and world.signatures[NEW_SHA] != USUAL


def test_its_time_stops_while_no_copies_are_seen_to_be_sent() -> None:
    world = shadowed()
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    assert world.service is not None
    labels = world.service["metadata"]["labels"]
    for _ in range(60):  # a hand that takes them away as fast as they are set
        labels = world.service["metadata"]["labels"]
        labels.pop(COPIES, None)
        world.step()
    assert stable_sha(world) != NEW_SHA and on_trial(world) == NEW_SHA


def test_a_new_share_of_copies_takes_effect_and_another_duration_begins_anew() -> None:
    world = shadowed({"duration": "10m"})
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    world.change(rollout={"shadow": {"duration": "10m", "mirror": 50}, "analysis": PLANNED})
    advance(world, lambda w: copies(w.service).endswith(".50"))
    world.change(rollout={"shadow": {"duration": "20m", "mirror": 50}, "analysis": PLANNED})
    assert "StepsChanged" in [e.reason for e in world.step().events]
    assert on_trial(world) == NEW_SHA


def test_undo_and_zero_replicas() -> None:
    world = shadowed(keepReplaced="5m")
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    world.change(replicas=0)
    world.settle()
    assert copies(world.service) == "" and on_trial(world) == NEW_SHA
    world.change(replicas=3)
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    world.ask("undo/1")
    advance(world, lambda w: stable_sha(w) != NEW_SHA)


@tried(40)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from([0.0, 1.0, 5.0, 31.0])), max_size=60
    ),
    mirror=st.sampled_from([1, 30, 100]),
    bad=st.booleans(),
    then=st.sampled_from(["Promote", "Pause"]),
    verbs=st.lists(
        st.sampled_from(["", "", "", "pause", "resume", "abort", "promote"]), max_size=8
    ),
)
def test_killed_at_any_write_it_ends_as_it_should(
    cuts: list[tuple[int, float]], mirror: int, bad: bool, then: str, verbs: list[str]
) -> None:
    PROVIDERS["replicas"] = Mirroring()  # type: ignore[assignment]
    try:
        world = shadowed({"duration": "20s", "mirror": mirror, "then": then}, pods=2)
        world.at_least = PLANNED["planned"]  # type: ignore[assignment]
        world.error_rate = 0.5 if bad else 0.0
        world.wish(NEW_SHA)
        asked = 0
        for n, (cut, seconds) in enumerate(cuts):
            if n % 5 == 4 and asked < len(verbs) and verbs[asked]:
                world.ask(f"{verbs[asked]}/{n}")
            asked += n % 5 == 4
            world.step(cut, seconds)
            world.grow(1)
            world.check()
        world.settle()
        status = world.deployment.status
        if bad and not world.is_asked:
            assert stable_sha(world) != NEW_SHA
        if status.canary is None:
            assert len(world.running()) == 1 and copies(world.service) == ""
        else:
            assert status.paused
    finally:
        PROVIDERS["replicas"] = replicas


def test_the_goal_of_one_that_is_under_way_is_made_of_what_is_known_alone() -> None:
    world = shadowed()
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    world.lose_status()
    world.settle()
    assert stable_sha(world) == NEW_SHA
    assert replace(world.snapshot(), answers=None).deployment.status.stable is not None
