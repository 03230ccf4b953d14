"""A canary that is judged by what others measure, too: Prometheus and a URL."""

from typing import Any

import pytest
from builders import SHA, conditions
from rollout_world import World
from test_rollout import NEW_SHA, advance, slow, stable_sha, weight

from perennial.api.deployment import MetricStatus
from perennial.plan.core.outside import AllowedUrl

STEPS = [{"setWeight": 50}, {"pause": {"duration": "12s"}}]
SALES: dict[str, Any] = {
    "name": "sales",
    "web": {"url": "http://shop.team.svc/of/{{canary}}", "path": "/rate", "minimum": 0.9,
            "interval": "5s"},
}  # fmt: skip
ANSWERED: dict[str, Any] = {
    "name": "answered",
    "prometheus": {"address": "http://prometheus.monitoring.svc:9090", "maximum": 1,
                   "query": 'x{pod=~"{{name}}-{{canary}}-.*"}', "interval": "5s"},
}  # fmt: skip
ALLOWED = (
    AllowedUrl("http://*.{namespace}.svc"),
    AllowedUrl("http://prometheus.monitoring.svc:9090"),
)


def trying(*metrics: dict[str, Any], steps: Any = STEPS, **numbers: float | None) -> World:
    """Return a world in which a new version is tried; others answer by the metric's name."""
    world = slow(steps, analysis={"metrics": list(metrics), "waitAtMost": "60s"})
    world.upgrade(allowed_urls=ALLOWED)
    world.numbers = {"sales": 1.0, "answered": 0.0, **numbers}
    world.wish(NEW_SHA)
    return world


def web(**more: Any) -> dict[str, Any]:
    return {**SALES, "web": {**SALES["web"], **more}}


def known(world: World, name: str = "sales") -> MetricStatus:
    analysis = world.snapshot().status.analysis
    assert analysis is not None
    return next(m for m in analysis.metrics if m.name == name)


def message(world: World, reason: str) -> str:
    return next(e.message for e in world.told if e.reason == reason)


def is_over(world: World) -> bool:
    return stable_sha(world) == NEW_SHA or bool(world.deployment.status.rejected)


def test_a_version_of_which_others_say_well_is_promoted() -> None:
    world = trying(SALES, ANSWERED)
    world.settle()
    assert stable_sha(world) == NEW_SHA
    shop, prometheus = sorted(set(world.asked_outside), key=len)
    assert shop.startswith("http://shop.team.svc/of/") and "{{" not in shop + prometheus
    assert prometheus.startswith("http://prometheus.monitoring.svc:9090/api/v1/query?query=x%7Bpod")


def test_nobody_is_asked_before_the_canary_has_traffic() -> None:
    world = trying(SALES)
    advance(world, lambda w: weight(w)[0] == 50)
    assert not world.asked_outside
    advance(world, lambda w: bool(w.asked_outside))
    assert known(world).measured is not None


def test_a_number_that_misses_its_limit_rolls_back_at_once() -> None:
    world = trying(SALES, sales=0.5)
    advance(world, is_over)
    (rejection,) = world.deployment.status.rejected
    assert rejection.reason == "AnalysisFailed"
    assert rejection.message == "sales: 0.5 misses the minimum of 0.9"
    world.settle()
    assert stable_sha(world) == SHA and len(world.asked_outside) == 1


def test_misses_that_are_forgiven_hold_it_and_are_written_at_once() -> None:
    world = trying(web(failures=3), sales=0.5)
    advance(world, lambda w: bool(w.asked_outside))
    analysis = world.deployment.status.analysis
    assert analysis is not None and analysis.metrics[0].measured is not None
    assert analysis.metrics[0].measured.misses == 1
    world.numbers["sales"] = 1.0
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_only_observed_it_has_no_vote() -> None:
    world = trying({**SALES, "mode": "Observe"}, {**ANSWERED, "mode": "Observe"},
                   sales=0.1, answered=None)  # fmt: skip
    advance(world, lambda w: len(w.asked_outside) > 2)
    assert known(world).verdict == "Failed"
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_no_number_is_no_success_and_after_a_few_a_person_decides() -> None:
    world = trying(SALES, sales=None)
    advance(world, lambda w: bool(w.deployment.status.paused))
    assert world.deployment.status.paused == "Unreachable" and not is_over(world)
    words = message(world, "RolloutPaused")
    assert "sales: no number, 5 times in a row: it did not answer" in words
    rolled_out = next(c for c in world.deployment.status.conditions if c.type == "RolledOut")
    assert "5 times in a row" in rolled_out.message
    world.numbers["sales"] = 1.0
    world.ask("resume/1")
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_while_it_is_silent_what_our_own_pods_count_rolls_back_as_ever() -> None:
    errors = {"name": "errors", "errorRate": {"maximum": 0.1}}
    world = trying(errors, SALES, sales=None)
    world.error_rate = 1.0
    advance(world, is_over)
    assert world.deployment.status.rejected[0].message.startswith("errors: ")


def test_warm_up_is_waited_for() -> None:
    world = trying({**SALES, "warmUp": "8s"})
    advance(world, lambda w: weight(w)[0] == 50)
    began = world.seconds
    advance(world, lambda w: bool(w.asked_outside))
    assert world.seconds - began >= 8


def test_each_step_needs_a_number_of_its_own() -> None:
    steps = [{"setWeight": 25}, {"pause": {"duration": "7s"}}, {"setWeight": 50},
             {"pause": {"duration": "1s"}}]  # fmt: skip
    world = trying(web(interval="20s"), steps=steps)
    advance(world, lambda w: weight(w)[0] == 50)
    asked = len(world.asked_outside)
    advance(world, is_over)
    assert stable_sha(world) == NEW_SHA and len(world.asked_outside) > asked


def test_what_counts_against_it_outlives_a_restart() -> None:
    world = trying(web(failures=1), sales=0.5)
    advance(world, lambda w: bool(w.asked_outside))
    world.measured = type(world.measured)()  # a new operator
    advance(world, is_over)
    assert len(world.asked_outside) == 2
    assert "2 of 2 measurements missed" in world.deployment.status.rejected[0].message


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_killed_at_any_write_it_ends_the_same(cut: int) -> None:
    for bad in (False, True):
        world = trying(web(failures=1), sales=0.5 if bad else 1.0)
        for n in range(150):
            world.step(cut=cut if n % 4 == 1 else 99)
            world.grow(1)
        world.settle()
        assert stable_sha(world) == (SHA if bad else NEW_SHA)


def test_another_limit_begins_anew() -> None:
    world = trying(web(failures=5), sales=0.5)
    advance(world, lambda w: len(w.asked_outside) == 3)
    rollout = world.deployment.spec.rollout.to_json()
    rollout["analysis"]["metrics"][0]["web"]["minimum"] = 0.1
    world.change(rollout=rollout)
    world.settle()
    assert stable_sha(world) == NEW_SHA


def test_what_the_chart_does_not_allow_is_not_asked_and_holds_it_back() -> None:
    world = trying(SALES)
    world.upgrade(allowed_urls=())
    assert conditions(world.step())["Stalled"] == ("True", "UrlNotAllowed")
    for _ in range(40):
        world.step()
        world.grow(1)
    assert not world.asked_outside and stable_sha(world) == SHA
    assert known(world).verdict == "Unreachable"
    assert "let a cluster administrator add it to the value allowedUrls" in known(world).message


def test_paused_by_a_person_it_is_asked_on_and_rolled_back() -> None:
    world = trying(SALES)
    advance(world, lambda w: weight(w)[0] == 50)
    world.ask("pause/1")
    world.step()
    world.numbers["sales"] = 0.1
    advance(world, is_over)
    assert world.deployment.status.rejected[0].reason == "AnalysisFailed"
