"""Shadow: copies of requests, no user's answer before the one turn, no decision from too little."""

from typing import Any

import pytest
from gateway_world import GATEWAY, GatewayWorld, weights
from hypothesis import given
from hypothesis import strategies as st
from rollout_world import USUAL, World, signature
from test_collisions import on_trial, paused
from test_rollout import NEW_SHA, advance, stable_revision, stable_sha

from effort import tried
from perennial.api.values import Json
from perennial.plan.rollout.state import is_undone

SHADOW: dict[str, Any] = {"duration": "30s"}
PLANNED = {"planned": 100, "waitAtMost": "60s"}
SECONDS = [0.0, 1.0, 5.0, 31.0]
VERBS = ["", "", "", "pause", "resume", "abort", "promote"]


class Copied(GatewayWorld):
    """A world whose Gateway sends copies of requests, and where nobody else asks the shadow."""

    copies: tuple[str, int] | None = None
    """The revision that is sent copies, and of how many requests in percent."""
    is_asked = False
    """Whether a person let it go on."""
    at_least = 0.0

    def control(self) -> bool:
        found, live = super().control(), self.route
        if live is None or (live.get("status") == self._status(live) and not self.refuses):
            self.copies = mirrored(live)
        return found

    def ask(self, request: str) -> None:
        self.is_asked = self.is_asked or request.startswith(("promote", "undo"))
        super().ask(request)

    def _serve(self) -> None:
        super()._serve()
        revision, percent = self.copies or ("", 0)
        if revision in self.workloads and self.ready(revision):
            n = self.requests_per_pass * percent / 100
            self._count(revision, n, self.error_rate, self.refusal_rate, self.seconds_each)

    def _check_route(self, live: Json | None, made: Json) -> None:
        super()._check_route(live, made)
        status = self.planned
        if status is None or status.canary is None or self.is_late:
            return
        shadow, shares = status.canary.revision, weights(made)
        if shadow not in shares:
            return
        assert status.promoting and mirrored(made) is None
        if not (self.is_asked or is_undone(status)):
            assert self.requests_of(shadow) >= self.at_least, "from too little"


def mirrored(live: Json | None) -> tuple[str, int] | None:
    """Return which revision a route sends copies to, and of how many requests in percent."""
    filters = live["spec"]["rules"][-1].get("filters", []) if live is not None else []
    for one in (f["requestMirror"] for f in filters):
        assert one["backendRef"]["port"] == 8082, "a pod takes it for a request of its own"
        return one["backendRef"]["name"].removeprefix("flights-"), one.get("percent", 100)
    return None


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
    told = advance(world, lambda w: w.copies is not None)
    new = shadow_of(world)
    assert world.copies == (new, 100) and world.selected() == [old]
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
    assert world.copies is None and world.running() == [new]


def test_it_has_pods_for_the_share_that_is_copied() -> None:
    world = shadowed({**SHADOW, "mirror": 30}, pods=5)
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    assert world.workloads[shadow_of(world)]["spec"]["replicas"] == 2
    assert world.copies == (shadow_of(world), 30)


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
    assert world.running() == [old] and world.copies is None


def test_without_requests_a_person_decides_and_not_the_clock() -> None:
    world = shadowed()
    world.requests_per_pass = 0
    world.wish(NEW_SHA)
    told = advance(world, paused)
    assert world.deployment.status.paused == "AnalysisUndecided" and told[-1] == "RolloutPaused"
    world.settle()
    assert stable_sha(world) != NEW_SHA and world.copies is not None  # it goes on meanwhile
    world.ask("promote/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_then_pause_waits_for_a_person_and_copies_on() -> None:
    world = shadowed({**SHADOW, "then": "Pause"})
    old = stable_revision(world)
    world.wish(NEW_SHA)
    advance(world, paused)
    assert world.deployment.status.paused == "CanaryPauseStep"
    assert world.selected() == [old] and world.copies is not None
    world.ask("promote/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA and world.copies is None


def test_before_it_is_found_to_take_what_stable_does_it_has_no_copies() -> None:
    world = shadowed()
    world.signatures[NEW_SHA] = signature("hour")
    world.wish(NEW_SHA)
    advance(world, paused)
    assert world.deployment.status.paused == "SignatureChanged" and world.copies is None
    world.ask("promote/1")
    advance(world, lambda w: w.copies is not None)
    assert on_trial(world) == NEW_SHA and world.signatures[NEW_SHA] != USUAL


def test_its_time_begins_once_the_gateway_was_seen_to_send_copies() -> None:
    world = shadowed()
    world.is_away = True
    world.wish(NEW_SHA)
    advance(world, lambda w: w.route is not None and mirrored(w.route) is not None)
    world.steps(60)
    assert world.copies is None and world.deployment.status.weight is None
    world.is_away = False
    advance(world, lambda w: w.deployment.status.weight is not None)
    began = world.seconds
    world.refuses = "Pending"  # a hand breaks the route, and the controller takes no newer one
    world.change(rollout={"shadow": {**SHADOW, "mirror": 50}, "analysis": PLANNED})
    world.steps(60)
    assert on_trial(world) == NEW_SHA and world.copies == (shadow_of(world), 100)
    world.refuses = ""
    advance(world, lambda w: stable_sha(w) == NEW_SHA)
    assert world.seconds - began >= 90


def test_no_header_chooses_it() -> None:
    world = shadowed()
    header = {"name": "x-canary", "value": "yes"}
    world.change(traffic={"gateway": {**GATEWAY["gateway"], "canaryHeader": header}})
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    assert world.route is not None and "x-canary" not in str(world.route["spec"])


def test_a_new_share_of_copies_takes_effect_and_another_duration_begins_anew() -> None:
    world = shadowed({"duration": "10m"})
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    world.change(rollout={"shadow": {"duration": "10m", "mirror": 50}, "analysis": PLANNED})
    advance(world, lambda w: w.copies == (shadow_of(w), 50))
    world.change(rollout={"shadow": {"duration": "20m", "mirror": 50}, "analysis": PLANNED})
    assert "StepsChanged" in [e.reason for e in world.step().events]
    assert on_trial(world) == NEW_SHA


def test_a_preview_that_becomes_a_shadow_is_sent_copies_for_as_long_as_that_says() -> None:
    """Though both wait for the same time without a share."""
    world = Copied(
        replicas=3, rollout={"blueGreen": {"pause": {"duration": "30s"}}, "analysis": {"none": {}}}
    )
    world.settle()
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    for _ in range(25):
        world.step()
    world.change(rollout={"shadow": {"duration": "30s"}, "analysis": {"none": {}}})
    assert "StepsChanged" in [e.reason for e in world.step().events]
    for _ in range(20):
        world.step()
        assert on_trial(world) == NEW_SHA
    assert world.copies == (shadow_of(world), 100)
    advance(world, lambda w: stable_sha(w) == NEW_SHA)


def test_undo_and_zero_replicas() -> None:
    world = shadowed(keepReplaced="5m")
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    world.change(replicas=0)
    world.settle()
    assert world.copies is None and on_trial(world) == NEW_SHA
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
    world.settle()
    status = world.deployment.status
    if bad and not world.is_asked:
        assert stable_sha(world) != NEW_SHA
    if status.canary is None:
        assert len(world.running()) == 1 and world.copies is None
    else:
        assert status.paused


def test_a_lost_status_begins_it_anew() -> None:
    world = shadowed()
    world.wish(NEW_SHA)
    advance(world, lambda w: w.deployment.status.weight is not None)
    world.lose_status()
    world.settle()
    assert stable_sha(world) == NEW_SHA and world.copies is None
