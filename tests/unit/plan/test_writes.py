"""What a rollout costs the API server, and what is found where pods tell little, or late."""

from itertools import pairwise

import pytest
from rollout_world import World
from test_rollout import NEW_SHA, stable_sha

from perennial.api.deployment import MetricStatus

FIVE = [
    step for weight in (10, 25, 50, 75, 90)
    for step in ({"setWeight": weight}, {"pause": {"duration": "5m"}})
]  # fmt: skip
ANALYSIS = {"metrics": [{"name": "errors", "errorRate": {"maximum": 0.05}}]}


def serving(**spec: object) -> World:
    world = World(analysis=ANALYSIS, **{"replicas": 10, **spec})
    world.settle()
    world.told.clear()
    world.writes = 0
    return world


def looks(world: World) -> MetricStatus:
    analysis = world.snapshot().status.analysis
    assert analysis is not None
    return analysis.metrics[0]


def test_five_steps_of_five_minutes_make_below_60_writes() -> None:
    world = serving(rollout={"canary": {"steps": FIVE}})
    world.wish(NEW_SHA)
    while stable_sha(world) != NEW_SHA or world.deployment.status.canary is not None:
        world.step()
        assert world.seconds < 5 * 300 + 120
    written = world.writes + len(world.told)
    assert written < 60, (world.writes, [event.reason for event in world.told])


def test_what_is_carried_on_is_written_every_two_minutes() -> None:
    world = serving(rollout={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}})
    world.wish(NEW_SHA)
    for _ in range(90):
        world.step()
    written, before = [], world.deployment.status.analysis
    for _ in range(600):
        world.step()
        if world.deployment.status.analysis != before:
            before = world.deployment.status.analysis
            written.append(world.seconds)
    gaps = [b - a for a, b in pairwise(written)]
    assert gaps and all(119 <= gap <= 124 for gap in gaps)


@pytest.mark.parametrize("every", [1, 7])
def test_an_operator_that_is_killed_finds_the_same_and_loses_nothing(every: int) -> None:
    found = []
    for killed in (False, True):
        world = serving(rollout={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}})
        world.error_rate = 0.01
        world.wish(NEW_SHA)
        for number in range(200):
            world.step()
            if killed and number % every == 0:
                world.measured.forget("team", "flights")
        world.requests_per_pass = world.stable_requests = 0.0
        world.step(seconds=4.0)
        found.append(looks(world))
    assert found[0] == found[1] and found[0].requests > 3_000


def test_a_canary_of_which_one_pod_is_silent_is_measured_by_the_others_and_that_is_told() -> None:
    world = serving(
        rollout={"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "10m"}}]}}
    )
    world.pods_each = 3
    world.wish(NEW_SHA)
    for _ in range(20):
        world.step()
    canary = world.deployment.status.canary
    assert canary is not None
    world.silent = {f"pod-{canary.revision}-0"}
    before = looks(world).requests
    for _ in range(25):
        world.step()
    analysis = world.snapshot().status.analysis
    assert analysis is not None and analysis.missing == [f"pod-{canary.revision}-0"]
    # Two of three go on to be counted, once the third has been waited for.
    assert 12 * 13 < looks(world).requests - before < 18 * 20
    for _ in range(40):
        world.step()
    assert world.deployment.status.paused == "Unreachable"


def test_a_clock_that_is_wrong_is_told_and_no_canary_is_rejected_for_it() -> None:
    world = serving(rollout={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}})
    world.skewed = {"canary": -20.0}
    world.wish(NEW_SHA)
    for _ in range(120):
        world.step()
    status = world.deployment.status
    assert status.canary is not None and not status.rejected and looks(world).requests == 0
    told = [event.message for event in world.told if event.reason == "ClockSkew"]
    assert len(told) == 1 and "look at the time of their nodes" in told[0]


def test_pods_that_are_late_are_waited_for_and_then_counted() -> None:
    world = serving(rollout={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}})
    world.behind = {"stable": 6}
    world.wish(NEW_SHA)
    for _ in range(60):
        world.step()
    analysis = world.snapshot().status.analysis
    assert analysis is not None and analysis.judged_until is not None and not analysis.missing
    behind = world.snapshot().now - analysis.judged_until
    assert 6 <= behind.total_seconds() < 10 and looks(world).requests > 0
