"""Experiments on a simulated cluster: how they begin, what ends them, and what is in their way."""

from typing import Any

import pytest
from builders import version
from experiment_world import (
    ExperimentWorld,
    GatewayExperimentWorld,
    spec,
    variants,
    world,
)
from rollout_world import signature

from perennial.plan.core.questions import Answers

A, B, C, D = (letter * 64 for letter in "abcd")
CANARY = {"canary": {"steps": [{"setWeight": 50}]}, "progressDeadline": "60s"}


def shares(w: ExperimentWorld) -> dict[str, int]:
    return {a.name: a.share.asked for a in w.experiment.arms if a.share is not None}


def stable(w: ExperimentWorld) -> str:
    found = w.deployment.status.stable
    assert found is not None
    return found.artifact.sha256[0]


def condition(w: ExperimentWorld, kind: str = "ExperimentRunning") -> tuple[str, str, str]:
    found = next(c for c in w.deployment.status.conditions if c.type == kind)
    return found.status, found.reason, found.message


def told(w: ExperimentWorld, reason: str) -> list[str]:
    return [event.message for event in w.told if event.reason == reason]


def is_alone(w: ExperimentWorld) -> bool:
    found = w.deployment.status.stable
    return found is not None and w.running() == [found.revision]


def edited(w: ExperimentWorld, **changes: Any) -> None:
    """Edit the experiment."""
    w.change(experiment={**w.deployment.spec.to_json()["experiment"], **changes})


def counted(w: ExperimentWorld) -> int:
    return sum(arm.outcomes for arm in w.experiment.arms)


def won(w: ExperimentWorld) -> ExperimentWorld:
    """Let b win."""
    w.rewards |= {A: 0.12, B: 0.303}
    w.run(300)
    assert w.experiment.winner == "b"
    return w


def test_a_clear_winner_is_called_soon_and_reported() -> None:
    w = world()
    assert told(w, "ExperimentStarted") == ["the traffic is divided: stable 50 %, b 50 %"]
    assert condition(w)[:2] == ("True", "Running")
    won(w)
    assert w.experiment.result == "Winner" and told(w, "ExperimentEnded") == [w.experiment.message]
    assert w.experiment.message.startswith("b won: mean reward 0.")
    arm = w.experiment.arm("b")
    assert arm.outcomes >= 200 and arm.low < 0.303 < arm.high
    assert stable(w) == "a" and is_alone(w) and not w.deployment.status.variants
    assert condition(w)[:2] == ("False", "Winner")
    before = w.writes
    w.run(600)
    assert w.writes == before, "what has ended is at rest"


@pytest.mark.parametrize("delay", [5.0, 90.0])
def test_two_equal_models_are_not_told_apart(delay: float) -> None:
    w = world(stop={"after": "40m"})
    w.delay, w.requests = delay, 8.0
    w.run(2500)
    assert w.experiment.result in ("Undecided", "NoDifference") and not w.experiment.winner
    assert "outcomes of" in w.experiment.message
    assert is_alone(w)


def test_what_is_the_same_to_a_part_of_its_mean_ends_before_its_time() -> None:
    w = world(stop={"after": "10h", "valueRemaining": 0.2})
    w.run(1500)
    assert w.experiment.result == "NoDifference"
    assert w.experiment.message.startswith("no difference that matters")


def test_rewards_that_did_not_come_yet_do_not_end_it() -> None:
    """All are 0 at first, where one in a thousand is not: that says nothing of a difference."""
    w = ExperimentWorld(**spec(1, stop={"after": "40m", "valueRemaining": 0.2}))
    w.rewards |= {A: 0.0, B: 0.0}
    w.run(1230)
    assert w.experiment.result is None and w.experiment.arm("b").outcomes >= 200
    w.run(1300)
    assert w.experiment.result == "Undecided"
    assert "inf" not in w.experiment.message and "do not vary" in w.experiment.message


def test_too_few_outcomes_decide_nothing() -> None:
    w = world(stop={"minimumOutcomes": 1_000_000, "after": "10m"})
    w.rewards |= {B: 0.9}
    w.run(300)
    assert shares(w) == {"stable": 50, "b": 50} and w.experiment.result is None
    w.run(400)
    assert w.experiment.result == "Undecided"
    assert "fewer than stop.minimumOutcomes" in w.experiment.message


def test_the_winner_is_promoted_by_the_rollout_and_serves_on() -> None:
    w = won(world(then="Promote"))
    w.run(300)
    assert stable(w) == "b" and is_alone(w)
    assert told(w, "WinnerPromoted") and told(w, "CanaryStarted") and told(w, "CanaryPromoted")
    assert condition(w, "RolledOut")[0] == condition(w, "Ready")[0] == "True"
    w.run(600)
    assert stable(w) == "b"
    w.change(experiment=None)
    w.run(100)
    assert stable(w) == "b", "who won goes on when the experiment is forgotten"
    w.wish(C)
    w.run(300)
    assert stable(w) == "c"
    w.wish(A)
    w.run(300)
    assert stable(w) == "a", "the promotion ended when the spec asked for another model"


@pytest.mark.parametrize("best", [B, C])
def test_who_won_serves_on_while_it_is_stable_of_the_next_experiment(best: str) -> None:
    w = won(world(then="Promote"))
    w.run(200)
    assert stable(w) == "b"
    w.rewards |= {B: 0.15, C: 0.1, best: 0.4}
    edited(w, variants=variants(2)[1:])
    w.run(60)
    assert stable(w) == "b" and [a.sha256[0] for a in w.experiment.arms] == ["b", "c"]
    w.run(500)
    assert w.experiment.winner == ("stable" if best == B else "c")
    w.run(200)
    assert stable(w) == best[0]


def test_naming_the_winner_in_the_spec_changes_nothing() -> None:
    w = won(world(then="Promote"))
    w.run(300)
    writes, revision = w.writes, w.deployment.status.stable
    w.change(model={"artifact": {"uri": "s3://models/b/", "sha256": B}}, experiment=None)
    w.run(300)
    assert stable(w) == "b" and revision is not None
    assert w.deployment.status.stable.revision == revision.revision  # type: ignore[union-attr]
    assert w.writes - writes <= 3  # of the status


def test_a_winner_that_its_rollout_takes_back_is_not_promoted_again() -> None:
    w = world(then="Promote")
    w.change(rollout={**CANARY, "analysis": {"planned": 100}})
    w.error_rate = 0.5  # of the canary
    won(w)
    w.run(400)
    assert stable(w) == "a" and w.deployment.status.rejected
    w.run(600)
    assert stable(w) == "a" and len(told(w, "CanaryStarted")) == 1
    assert condition(w, "Ready")[0] == "True" and condition(w, "Stalled")[0] == "False"


def test_stable_that_wins_stays() -> None:
    w = world(then="Promote")
    w.rewards |= {A: 0.4, B: 0.1}
    w.run(400)
    assert w.experiment.winner == "stable" and stable(w) == "a"
    assert is_alone(w) and not told(w, "WinnerPromoted")


def test_another_model_in_the_spec_goes_first_and_the_experiment_begins_anew() -> None:
    w = world()
    w.run(120)
    assert counted(w) > 0
    w.wish(D)
    w.run(20)
    assert condition(w)[:2] == ("False", "Waiting") and "gives way" in condition(w)[2]
    w.run(300)
    assert stable(w) == "d" and condition(w)[:2] == ("True", "Running")
    assert "stable is" in told(w, "ExperimentRestarted")[0]
    arms = w.experiment.arms
    assert [a.sha256[0] for a in arms] == ["d", "b"]
    assert counted(w) <= sum(n for when, _, n, _ in w.arrivals if when > w.now() - 300)


@pytest.mark.parametrize(("on_new", "then"), [("Finish", "a"), ("Restart", "d")])
def test_a_newer_version_of_the_training_waits_as_for_a_canary(on_new: str, then: str) -> None:
    w = ExperimentWorld(
        **spec(1, stop={"after": "20m"}), model={"trainingRef": {"name": "flights"}}
    )
    w.change(rollout={**CANARY, "onNewVersion": on_new})
    w.train(1, A)
    w.run(120)
    assert condition(w)[:2] == ("True", "Running")
    w.train(2, D)
    w.run(300)
    assert stable(w) == then
    if on_new == "Finish":
        assert "flights-2 waits for its end" in condition(w)[2]
        w.run(1400)
        assert w.experiment.result is not None and stable(w) == "d"


def test_another_list_of_variants_begins_anew_and_another_allocation_goes_on() -> None:
    w = world()
    w.run(200)
    before = counted(w)
    edited(w, allocation={"fixed": {"shares": [{"name": "b", "share": 25}]}})
    w.run(20)
    assert shares(w) == {"stable": 75, "b": 25} and counted(w) >= before > 0
    edited(w, variants=variants(2), allocation=None)
    w.run(20)
    assert "variants have changed" in told(w, "ExperimentRestarted")[0]
    w.run(100)
    assert shares(w).keys() == {"stable", "b", "c"} and sum(shares(w).values()) == 100


def test_an_experiment_that_is_taken_out_ends() -> None:
    w = world()
    w.change(experiment=None)
    w.run(60)
    assert w.experiment is None and is_alone(w)
    assert "taken out of the spec" in told(w, "ExperimentEnded")[0]


@pytest.mark.parametrize("how", ["crash", "silent"])
def test_a_variant_that_does_not_start_is_out_and_the_others_go_on(how: str) -> None:
    w = ExperimentWorld(**spec(2))
    w.broken[C] = how
    w.run(200)
    assert shares(w).keys() == {"stable", "b"} and sum(shares(w).values()) == 100
    assert w.experiment.arm("c").state == "Out" and told(w, "VariantOut")
    assert "c is out" in condition(w)[2]
    assert len(w.running()) == 2


def test_a_variant_that_lacks_room_is_waited_for() -> None:
    w = ExperimentWorld(**spec(2))
    w.broken[C] = "image"
    w.run(300)
    assert condition(w)[:2] == ("False", "Starting") and "c: " in condition(w)[2]
    del w.broken[C]
    w.run(60)
    assert condition(w)[:2] == ("True", "Running")


def test_a_variant_with_errors_is_out_and_without_any_the_experiment_ends() -> None:
    w = ExperimentWorld(**spec(1))
    w.change(rollout={**CANARY, "analysis": {"planned": 100}})
    w.run(60)
    w.bad_variants = {B: 0.3}
    w.run(120)
    assert w.experiment.result == "NoVariant" and is_alone(w)
    (message,) = told(w, "VariantOut")
    assert message.startswith("b is taken out of the experiment: errors")


def test_a_variant_of_another_signature_is_refused() -> None:
    w = ExperimentWorld(**spec(2))
    w.signatures[C] = signature("hour")
    w.run(60)
    arm = w.experiment.arm("c")
    assert (arm.state, arm.reason) == ("Out", "SignatureChanged")
    assert "does not take or give all that stable does" in arm.message
    assert shares(w) == {"stable": 50, "b": 50}


def test_the_same_model_twice_is_told_and_nothing_is_divided() -> None:
    made = spec(1)
    made["experiment"]["variants"][0]["model"]["artifact"]["sha256"] = A
    w = ExperimentWorld(**made)
    w.run(60)
    assert "stable and b are the same artifact" in condition(w)[2]
    assert len(w.workloads) == 1


def test_a_variant_whose_version_is_not_there_yet_is_waited_for() -> None:
    made = spec(1)
    made["experiment"]["variants"] = [{"name": "b", "model": {"versionRef": {"name": "flights-2"}}}]
    w = ExperimentWorld(**made)
    w.run(60)
    assert "variant b: there is no ModelVersion flights-2" in condition(w)[2]
    w.variant_versions = {"flights-2": version(2, B)}
    w.run(60)
    assert condition(w)[:2] == ("True", "Running")
    assert w.experiment.arm("b").version == "flights-2"
    w.variant_versions = {}
    w.run(60)
    assert condition(w)[:2] == ("True", "Running"), "a version that is gone goes on"


def test_too_small_a_budget_is_told() -> None:
    w = ExperimentWorld(**spec(3))
    w.change(replicas=2, rollout={**CANARY, "maxSurge": 1})
    w.run(60)
    assert "3 variants take a pod each" in condition(w)[2] and "raise it" in condition(w)[2]


def test_scaled_to_zero_it_waits_and_goes_on_with_what_it_knows() -> None:
    w = world()
    w.run(150)
    before = counted(w)
    w.change(replicas=0)
    w.run(60)
    assert not w.running() and "pods again" in condition(w)[2]
    w.change(replicas=4)
    w.run(60)
    assert condition(w)[:2] == ("True", "Running") and counted(w) >= before > 0


def test_shares_follow_what_earns_more_and_each_keeps_the_least() -> None:
    sampling = {"minimumShare": 0.15, "maximumStep": 10}
    stop = {"minimumOutcomes": 100, "probabilityBest": 0.99999999}
    w = world(3, stop=stop, allocation={"thompsonSampling": sampling})
    w.change(replicas=20)
    w.rewards |= {C: 0.15}
    seen = [shares(w)]
    for _ in range(40):
        w.run(30)
        if w.experiment.result is not None:
            break
        seen.append(shares(w))
        assert sum(seen[-1].values()) == 100 and min(seen[-1].values()) >= 15
        assert all(abs(seen[-1][n] - seen[-2][n]) <= 10 for n in seen[-1])
    assert seen[-1]["c"] == 55


def test_the_best_may_change_and_nothing_is_decided_for_ever() -> None:
    w = world(stop={"after": "2h", "minimumOutcomes": 100})
    w.rewards |= {A: 0.13, B: 0.1}
    w.requests = 5.0
    w.run(600)
    early = shares(w)
    w.rewards |= {A: 0.1, B: 0.15}
    w.run(2400)
    assert w.experiment.winner != "stable"
    late = shares(w) or {"b": 100}
    assert late["b"] > early["b"]


def test_pods_that_do_not_tell_are_waited_for_and_then_named() -> None:
    w = world(stop={"after": "1h"})
    w.unheard = {w.deployment.status.variants[0].revision}
    before = w.experiment.judged_until
    w.run(60)
    assert w.experiment.missing and w.experiment.judged_until == before
    w.run(150)
    assert w.experiment.judged_until > before and "was told" in condition(w)[2]


def test_nothing_counts_twice_though_the_operator_is_killed_at_any_write() -> None:
    w = world(stop={"after": "1h"})
    for n in range(200):
        w._earn(4)
        w.step(cut=n % 3, seconds=5.0)
    w.step()
    assert 0 < counted(w) <= sum(n for _, _, n, _ in w.arrivals)


def test_undo_goes_first() -> None:
    w = world(then="Promote")
    w.wish(D)
    w.run(200)
    assert stable(w) == "d"
    w.ask("undo/1")
    w.run(200)
    assert stable(w) == "a"


def test_a_lost_status_begins_anew_with_stable() -> None:
    w = world()
    w.run(100)
    w.lose_status()
    w.run(200)
    assert stable(w) == "a" and condition(w)[:2] == ("True", "Running")


def test_behind_a_gateway_shares_are_exact_and_the_winner_takes_over() -> None:
    w = GatewayExperimentWorld(**spec(2, then="Promote"))
    w.lag = 2
    w.run(60)
    assert condition(w)[:2] == ("True", "Running")
    assert sorted(w.in_force.values()) == [33, 33, 34]
    actual = {a.name: (a.share.asked, a.share.actual) for a in w.experiment.arms}
    assert all(asked == found for asked, found in actual.values())
    w.rewards |= {A: 0.12, B: 0.303, C: 0.1}
    w.run(900)
    assert w.experiment.winner == "b" and stable(w) == "b" and is_alone(w)
    assert set(w.in_force.values()) == {100}


def test_answers_without_outcomes_are_no_zeros() -> None:
    assert Answers({"r": ("p",)}, 60, ()).arrived().lacking == ("p",)


def test_by_another_way_of_traffic_no_pod_goes_while_the_route_is_there_that_leads_to_it() -> None:
    w = GatewayExperimentWorld(**spec(2, allocation={"fixed": {}}))
    w.run(60)
    variants_of = [a.revision for a in w.experiment.arms if a.name != "stable"]
    assert set(variants_of) < set(w.in_force)
    w.change(traffic={"replicas": {}}, experiment=None)
    w.lose_status()
    w.instant = False
    while w.route is not None:
        w.step()
        assert w.route is None or all(w.ready(revision) for revision in variants_of)
        assert set(variants_of) <= set(w.workloads)
    w.instant = True
    w.run(60)
    assert is_alone(w)
