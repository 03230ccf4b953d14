"""Weights of a Gateway's route: what is written when, and what is waited for."""

from dataclasses import replace
from typing import Any

import pytest
from builders import conditions
from gateway_world import GatewayWorld, weights
from rollout_world import World

from perennial.api.values import Json
from perennial.plan.core.premise import POLICY, ROUTES
from perennial.plan.rollout import plan_deployment
from perennial.plan.serving.route import unavailable as routes_unavailable
from perennial.plan.serving.sticky import unavailable

NEW_SHA = "b" * 64
STEPS = [{"setWeight": 10}, {"pause": {"duration": "10s"}}, {"setWeight": 50}, {"pause": {}}]


def serving(steps: list[Any] | None = None, replicas: int = 4, **rollout: Any) -> GatewayWorld:
    """Return a world in which something serves behind a Gateway."""
    given = {"canary": {"steps": steps or STEPS}, "analysis": {"none": {}}, **rollout}
    world = GatewayWorld(replicas=replicas, rollout={"progressDeadline": "60s", **given})
    world.settle()
    return world


def revision(world: World, role: str = "stable") -> str:
    found = getattr(world.deployment.status, role)
    assert found is not None
    return str(found.revision)


def pods(world: World, role: str) -> int:
    return int(world.workloads[revision(world, role)]["spec"]["replicas"])


def test_what_serves_has_all_requests_of_the_gateway_and_of_the_cluster() -> None:
    world = serving()
    assert world.in_force == {revision(world): 100}
    assert world.selected() == [revision(world)] == World.selected(world)
    plan = world.step()
    assert conditions(plan)["Ready"] == ("True", "Serving")


def test_nothing_is_written_at_rest() -> None:
    world = serving()
    writes = world.writes
    world.step(seconds=1000)
    assert world.writes == writes


def test_a_canary_has_its_share_with_few_pods_and_stable_stays_full() -> None:
    world = serving()
    world.wish(NEW_SHA)
    seen = set()
    for _ in range(60):
        world.step()
        world.grow(1)
        if world.deployment.status.canary is not None:
            seen.add((tuple(sorted(world.in_force.values())), pods(world, "stable")))
    assert [shares for shares, _ in sorted(seen)] == [(10, 90), (50, 50), (100,)]
    assert {count for _, count in seen} == {4}
    assert pods(world, "canary") == 2
    assert World.selected(world) == [revision(world)]
    weight = world.deployment.status.weight
    assert weight is not None and (weight.asked, weight.actual) == (50, 50)


def test_autoscalers_reckon_by_all_pods_that_requests_reach() -> None:
    """What they do together is what stable would have to do alone."""
    world = serving()
    stable = revision(world)
    world.wish(NEW_SHA)
    world.settle()
    status = world.deployment.status
    canary = status.canary
    assert status.paused and canary is not None
    both = ",".join(sorted((stable, canary.revision)))
    assert status.selector.endswith(f"revision in ({both})")
    assert status.replicas == world.ready(stable) + world.ready(canary.revision) == 6


def test_promotion_turns_the_service_too_and_then_ends_the_old_pods() -> None:
    world = serving([{"setWeight": 50}], keepReplaced="0s")
    old = revision(world)
    world.wish(NEW_SHA)
    world.settle()
    new = revision(world)
    assert new != old and world.in_force == {new: 100} and World.selected(world) == [new]
    services = {name for kind, name in world.children if kind == "Service"}
    assert services == {f"flights-{new}", f"flights-{old}"} or services == {f"flights-{new}"}


def test_a_rollback_moves_weights_first() -> None:
    world = serving()
    world.wish(NEW_SHA)
    world.settle()
    bad = revision(world, "canary")
    world.instant, world.lag = False, 6
    world.ask("abort/1")
    for _ in range(3):
        world.step()
        world.control()
    assert weights(world.route or {}) == {revision(world): 100}
    assert world.workloads[bad]["spec"]["replicas"] == 2, "pods went before the Gateway took it up"
    world.settle()
    assert bad not in world.workloads and ("Service", f"flights-{bad}") not in world.children


@pytest.mark.parametrize("lag", [1, 4, 9])
def test_a_step_begins_once_the_gateway_accepted_its_weight(lag: int) -> None:
    world = serving()
    world.lag, world.instant = lag, False
    world.wish(NEW_SHA)
    for _ in range(60):
        world.step()
        world.grow(1)
        step = world.deployment.status.step
        if step is not None and step.start_time is not None and step.index < 2:
            assert world.in_force.get(revision(world, "canary")) == 10
            break
    else:
        raise AssertionError("the step never began")


def test_a_refused_route_keeps_the_weight_and_says_why() -> None:
    world = serving()
    world.wish(NEW_SHA)
    for _ in range(6):
        world.step()
    assert sorted(world.in_force.values()) == [10, 90]
    world.refuses = "UnsupportedValue"
    for _ in range(30):
        plan = world.step()
    assert sorted(world.in_force.values()) == [10, 90]
    found = conditions(plan)
    assert found["Stalled"] == ("True", "RouteRefused")
    assert found["Ready"] == ("False", "RouteRefused")
    status = world.deployment.status
    assert status.step is not None and status.step.start_time is None
    message = next(c.message for c in status.conditions if c.type == "Stalled")
    assert "default/public refuses" in message.replace("team/", "default/")
    world.refuses = ""
    world.settle()
    assert sorted(world.in_force.values()) == [50, 50]


def test_a_gateway_that_is_not_there_is_told() -> None:
    world = GatewayWorld(replicas=2)
    world.is_away = True
    for _ in range(10):
        plan = world.step()
    assert conditions(plan)["Ready"] == ("False", "RouteUnanswered")
    assert conditions(plan)["Stalled"][0] == "False"
    assert plan.requeue_after is not None  # nobody wakes us where nobody answers
    for _ in range(80):
        plan = world.step()
    assert conditions(plan)["Stalled"] == ("True", "RouteUnanswered")


def test_what_a_hand_makes_of_the_route_is_put_back() -> None:
    world = serving()
    world.wish(NEW_SHA)
    world.settle()
    world.edit_route(7)
    world.control()
    world.settle()
    assert sorted(world.in_force.values()) == [50, 50]
    live = world.children["HTTPRoute", "flights"]
    live["spec"]["rules"].insert(0, {"backendRefs": [{"name": "other", "weight": 1}]})
    world._touch(live)
    world.settle()
    assert len(world.children["HTTPRoute", "flights"]["spec"]["rules"]) == 2
    del world.children["HTTPRoute", "flights"]
    world.settle()
    assert sorted(world.in_force.values()) == [50, 50]


def test_another_way_of_traffic_begins_the_trial_anew() -> None:
    world = serving([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}])
    world.wish(NEW_SHA)
    world.settle()
    world.ask("promote/1")
    world.settle()
    assert world.deployment.status.step is not None and world.deployment.status.step.index == 3
    world.change(traffic={"replicas": {}})
    told = [event.reason for _ in range(8) for event in world.step().events]
    assert told[0] == "TrafficChanged"
    world.settle()
    assert world.deployment.status.step is not None and world.deployment.status.step.index == 1
    assert not world.children, "what the Gateway was told is left behind"
    assert set(World.selected(world)) == {revision(world), revision(world, "canary")}
    world.change(traffic={"gateway": {"parentRefs": [{"name": "public"}]}})
    world.settle()
    assert sorted(world.in_force.values()) == [25, 75]
    assert World.selected(world) == [revision(world)]


@pytest.mark.parametrize("surge", [1, "25%", "50%"])
def test_a_small_budget_is_kept_and_capacity_with_it(surge: int | str) -> None:
    world = serving([{"setWeight": 50}, {"pause": {}}], maxSurge=surge, keepReplaced="0s")
    world.instant = False
    world.wish(NEW_SHA)
    most = 0
    for _ in range(80):
        world.step()
        world.grow(1)
        most = max(most, sum(live["spec"]["replicas"] for live in world.workloads.values()))
    assert sorted(world.in_force.values()) == [50, 50]
    assert most <= 4 + world.deployment.spec.rollout.surge(4)
    world.ask("promote/1")
    world.settle()
    assert world.in_force == {revision(world): 100} and pods(world, "stable") == 4


@pytest.mark.parametrize("replicas", [1, 2, 3, 6, 7, 9, 11])
@pytest.mark.parametrize("steps", [[{"setWeight": 50}], [{"setWeight": 33}], [{"setWeight": 100}]])
def test_pods_that_make_no_whole_percents_are_handed_over_one_by_one(
    replicas: int, steps: list[Any]
) -> None:
    world = serving(steps, replicas, maxSurge=1, keepReplaced="0s")
    old = revision(world)
    world.wish(NEW_SHA)
    world.settle()
    assert revision(world) != old and world.in_force == {revision(world): 100}


def rules(world: GatewayWorld) -> list[Json]:
    return list((world.route or {})["spec"]["rules"])


def test_the_header_chooses_the_canary_as_soon_as_a_pod_is_ready() -> None:
    header = {"name": "x-canary", "value": "true"}
    gateway = {"parentRefs": [{"name": "public"}], "canaryHeader": header}
    steps = [{"setWeight": 0}, {"pause": {}}]
    world = GatewayWorld(
        replicas=4, rollout={"canary": {"steps": steps}}, traffic={"gateway": gateway}
    )
    world.settle()
    dividing = rules(world)
    assert len(dividing) == 2  # gRPC and REST
    world.wish(NEW_SHA)
    world.settle()
    canary = f"flights-{revision(world, 'canary')}"
    chosen = [rule for rule in rules(world) if rule["matches"][0].get("headers")]
    # Envoy Gateway knows what is behind a rule by its number: none that divides is moved.
    assert rules(world)[:2] == dividing
    assert [rule["backendRefs"][0]["name"] for rule in chosen] == [canary, canary]
    assert world.in_force == {revision(world): 100}
    world.ask("abort/1")
    world.settle()
    assert len(rules(world)) == 2


def test_without_the_gateway_api_it_says_what_to_install() -> None:
    world = GatewayWorld(replicas=2)
    for _ in range(3):
        missing = routes_unavailable("HTTPRoute", 404, "not found")
        plan = plan_deployment(replace(world.snapshot(), no_routes=missing))
        assert not [o for o in plan.apply if o["kind"] in ROUTES]
        world.carry_out(plan)
        world.grow()
    assert conditions(plan)["Stalled"] == ("True", "GatewayAPIMissing")
    assert world.inside() == 2, "callers inside the cluster are answered"


def test_routes_that_may_not_be_listed_go_on_and_nothing_that_they_name_is_taken_away() -> None:
    world = serving(steps=[{"setWeight": 50}, {"pause": {}}])
    world.wish(NEW_SHA)
    world.settle()
    stable, canary = revision(world), revision(world, "canary")
    assert world.in_force == {stable: 50, canary: 50}
    world.unlisted = routes_unavailable("HTTPRoute", 403, "no")
    world.ask("abort/1")
    for _ in range(200):
        plan = world.step()
        world.grow()
    assert conditions(plan)["Stalled"] == ("True", "RoutesForbidden")
    assert world.in_force == {stable: 50, canary: 50}
    assert world.ready(canary) > 0, "half of the requests find no pod"
    world.crash(stable)  # what is not ready is no reason either
    world.step()
    assert {name for kind, name in world.children if kind == "Service"} == {
        f"flights-{stable}",
        f"flights-{canary}",
    }
    world.unlisted = None
    world.settle()
    assert world.in_force == {stable: 100} and canary not in world.running()


def test_users_stay_at_their_version_where_the_gateway_heeds_it() -> None:
    sticky = {"parentRefs": [{"name": "public"}], "sticky": {"header": "x-user-id"}}
    world = GatewayWorld(
        replicas=4, rollout={"canary": {"steps": STEPS}}, traffic={"gateway": sticky}
    )
    world.settle()
    found = conditions(world.step())
    assert found["Ready"] == ("True", "StickyIgnored")
    policy = world.children[POLICY, "flights"]
    assert policy["spec"]["loadBalancer"]["type"] == "ConsistentHash"
    told = {"type": "Accepted", "status": "True", "observedGeneration": 1}
    policy["status"] = {"ancestors": [{"ancestorRef": {"name": "public"}, "conditions": [told]}]}
    world._touch(policy)
    world.settle()
    assert conditions(world.step())["Ready"] == ("True", "Serving")
    world.wish(NEW_SHA)
    world.settle()
    # Without a filter on each of them Envoy divides by the weights alone, whatever the hash.
    for rule in rules(world):
        assert len(rule["backendRefs"]) == 2 and all(ref["filters"] for ref in rule["backendRefs"])
    world.change(traffic={"gateway": {"parentRefs": [{"name": "public"}]}})
    world.settle()
    assert (POLICY, "flights") not in world.children
    assert not any(ref.get("filters") for rule in rules(world) for ref in rule["backendRefs"])


def test_sticky_without_envoy_gateway_says_so() -> None:
    sticky = {"parentRefs": [{"name": "public"}], "sticky": {"header": "x-user-id"}}
    world = GatewayWorld(replicas=1, traffic={"gateway": sticky})
    missing = unavailable(404, "not found")
    for _ in range(4):
        plan = plan_deployment(replace(world.snapshot(), no_policies=missing))
        assert not [o for o in plan.apply if o["kind"] == POLICY]
        world.carry_out(plan)
        world.grow()
    assert plan.status is not None
    ready = next(c for c in plan.status.conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("True", "StickyIgnored")
    assert "users change versions" in ready.message


@pytest.mark.parametrize(("requests", "is_told"), [(2.0, False), (40.0, True), (0.5, False)])
def test_a_canary_that_has_more_than_its_weight_is_told(requests: float, is_told: bool) -> None:
    steps = [{"setWeight": 10}, {"pause": {}}]
    analysis = {"planned": 10, "metrics": [{"name": "errors", "errorRate": {"maximum": 0.5}}]}
    world = serving(steps, analysis=analysis)
    world.wish(NEW_SHA)
    world.stable_requests, world.requests_per_pass = 20.0, requests
    for _ in range(40):
        world.step()
    rolled_out = next(c for c in world.deployment.status.conditions if c.type == "RolledOut")
    assert ("60 % of the requests or more, and its weight is 10 %" in rolled_out.message) == is_told
    assert ("requests or more" in rolled_out.message) == is_told
