"""Ways to take over, and what users tell of predictions, on a real node with users who ask.

What takes its time is begun first and looked at last.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from bad_models import failing, fails_every_fifth, hesitant, opposite, publish_changed, renamed
from golden_flights import golden
from rollouts import apply, ask, pods, reason, request, sentences, serves, status
from trial import artifact_of

from flights import demo

GREEN, KEPT = "green", "kept"
LABELLED, EARNING, ALIKE = "labelled", "earning", "alike"
RECEIPTS = {"receipts": {"reward": {"minimum": 0, "maximum": 1}}}


def experiment(*variants: tuple[str, dict[str, str]]) -> dict[str, Any]:
    """Return an experiment by the rewards of ten seconds a batch, at most three minutes."""
    return {
        "variants": [{"name": name, "model": {"artifact": a}} for name, a in variants],
        "outcome": {"reward": {}},
        "batch": "10s",
        # An experiment with equal models names a winner once in ten thousand.
        "stop": {
            "probabilityBest": 0.9999,
            "minimumOutcomes": 100,
            "valueRemaining": 0.05,
            "after": "3m",
        },
        "then": "Promote",
    }


def traffic(name: str) -> str:
    return f"{name}-traffic"


def remove(*names: str) -> None:
    demo.kubectl("delete", "md", *names, "-n", demo.NAMESPACE)
    demo.kubectl("delete", "pod", *map(traffic, names), "-n", demo.NAMESPACE, "--now")


@pytest.fixture(scope="module")
def good(answers: Counter[str]) -> Iterator[dict[str, str]]:
    """Begin all of it, with users who tell labels and rewards; return the good artifact."""
    good, names = artifact_of("flights-1"), (LABELLED, EARNING, ALIKE)
    wrong, half = publish_changed(good, opposite), publish_changed(good, hesitant)
    limit = {"falsePositiveRate": {"againstStable": {"maximumIncrease": 0.05}}}
    steps = [{"setWeight": 50}, {"pause": {"duration": "5m"}}]
    analysis = {"metrics": [{"name": "false-alarms", **limit}]}
    canary = {"canary": {"steps": steps}, "analysis": analysis}
    apply(LABELLED, good, replicas=1, serving=RECEIPTS, rollout=canary)
    more = {"replicas": 1, "serving": RECEIPTS, "rollout": {"blueGreen": {}, "maxSurge": 2}}
    asked = experiment(("winter", good), ("wrong", wrong))
    apply(EARNING, half, **more, experiment=asked)
    apply(ALIKE, good, **more, experiment=experiment(("again", publish_changed(good, renamed))))
    demo.wait("it serves", lambda: serves(LABELLED, good), 60)
    for name in names:
        demo.send_traffic(traffic(name), ["01"], "--feedback", model=name)
    apply(LABELLED, wrong, replicas=1, serving=RECEIPTS, rollout=canary)
    yield good
    remove(*names)


def blue_green(artifact: dict[str, str], waits: bool, **rollout: Any) -> None:
    """Ask for an artifact in one turn; ``waits`` for a person before it."""
    asked = {"blueGreen": {"pause": {}} if waits else {}, "keepReplaced": "10m", **rollout}
    apply(GREEN, artifact, replicas=2, rollout={**asked, "progressDeadline": "60s"})


def revision(role: str, name: str = GREEN) -> str:
    return str(demo.revision(role, name).get("name", ""))


def who_answers(service: str) -> set[str]:
    return set(ask(traffic(GREEN), service, GREEN))


@pytest.fixture(scope="module")
def blue(good: dict[str, str]) -> Iterator[str]:
    """Serve a good version to users; return its revision."""
    blue_green(good, waits=True)
    demo.wait("it serves", lambda: serves(GREEN, good), 60)
    demo.send_traffic(traffic(GREEN), ["01"], model=GREEN)
    yield revision("Stable")
    remove(GREEN)


def test_a_green_that_answers_wrongly_is_not_switched_to(good: dict[str, str], blue: str) -> None:
    checks = {"golden": {"requests": [golden(GREEN, "morning", 9)]}}
    bad = publish_changed(good, opposite)
    blue_green(bad, waits=False, beforeTraffic=checks)
    refused = "GoldenRequestFailed"
    demo.wait("it was rejected", lambda: reason(GREEN, "RolledOut") == refused, 60)
    assert who_answers(GREEN) == who_answers(f"{GREEN}-preview") == {blue}


def test_a_green_is_tried_at_its_address_then_takes_all_requests_in_one_turn(
    good: dict[str, str], blue: str
) -> None:
    better = artifact_of("flights-2")
    blue_green(better, waits=True)
    demo.wait("it waits for a person", lambda: reason(GREEN, "Paused") == "CanaryPauseStep", 60)
    green = revision("Canary")
    assert who_answers(f"{GREEN}-preview") == {green} and who_answers(GREEN) == {blue}
    request(GREEN, "promote")
    demo.wait("it serves", lambda: serves(GREEN, better), 60)
    demo.wait("it alone", lambda: who_answers(GREEN) == {green}, 10)
    assert who_answers(f"{GREEN}-preview") == {green}
    # What it replaced stands by, so that going back is one turn, too.
    assert revision("Previous") == blue and len(pods(GREEN, blue)) == 2
    blue_green(good, waits=True)
    demo.wait("the blue one serves again", lambda: serves(GREEN, good), 30)
    assert sentences(GREEN, "ReturnStarted") and who_answers(GREEN) == {blue}
    assert demo.answers(traffic(GREEN))["failed"] == 0


def ended(name: str) -> bool:
    return "result" in status(name).get("experiment", {})


def test_what_earns_most_takes_over(good: dict[str, str]) -> None:
    demo.wait("it has ended", lambda: ended(EARNING), 150)
    found = status(EARNING)["experiment"]
    assert (found["result"], found["winner"]) == ("Winner", "winter")
    means = {arm["name"]: arm["mean"] for arm in found["arms"]}
    assert means["wrong"] < means["stable"] < means["winter"]
    (told,) = sentences(EARNING, "ExperimentEnded")
    assert re.match(r"winter won: mean reward 0\.\d+ of [\d,]+ outcomes of winter", told)
    demo.wait("it serves", lambda: serves(EARNING, good), 60)
    winner = demo.revision(name=EARNING)["name"]
    client, alone = traffic(EARNING), {winner}
    demo.wait("it alone", lambda: set(ask(client, EARNING, EARNING)) == alone, 30)
    assert not demo.answers(client)["failed"] and not demo.answers(client)["untold"]


def test_a_model_beside_itself_wins_nothing(good: dict[str, str]) -> None:
    demo.wait("it has ended", lambda: ended(ALIKE), 200)
    found = status(ALIKE)["experiment"]
    assert found["result"] in ("NoDifference", "Undecided") and not found.get("winner")
    demo.wait("stable has all requests", lambda: serves(ALIKE, good), 30)
    assert not demo.answers(traffic(ALIKE))["failed"]


LIMITED = {"analysis": {"metrics": [{"name": "errors", "errorRate": {"maximum": 0.01}}]}}


def test_what_failed_keeps_its_pods_for_a_while_without_requests(
    good: dict[str, str], blue: str
) -> None:
    steps = [{"setWeight": 50}, {"pause": {"duration": "1m"}}]
    rollout = {"canary": {"steps": steps}, **LIMITED, "keepFailed": "20s"}
    apply(KEPT, good, replicas=1, rollout=rollout)
    demo.wait("it serves", lambda: serves(KEPT, good), 60)
    stable = revision("Stable", KEPT)
    apply(KEPT, publish_changed(good, failing), replicas=1, rollout=rollout)

    def users() -> set[str]:
        return set(ask(traffic(GREEN), KEPT, KEPT))

    def rolled_back() -> bool:
        return bool(users()) and reason(KEPT, "RolledOut") == "AnalysisFailed"

    demo.wait("it was rolled back", rolled_back, 60)
    demo.wait("no user reaches it", lambda: users() == {stable}, 15)
    failed = status(KEPT)["rollout"]["rejected"][-1]["name"]
    assert revision("Failed", KEPT) == failed
    (pod,) = pods(KEPT, failed)
    assert "Reshape" in demo.kubectl("logs", pod, "-n", demo.NAMESPACE)  # why it failed
    demo.wait("its time is over", lambda: not pods(KEPT, failed), 60)
    demo.kubectl("delete", "md", KEPT, "-n", demo.NAMESPACE)


def test_a_green_that_fails_its_users_goes_back_in_its_bake(
    good: dict[str, str], blue: str
) -> None:
    bad = publish_changed(good, lambda content: fails_every_fifth(content, "green"))
    blue_green(bad, waits=False, bake="5m", **LIMITED)
    # What was replaced by then is given half a minute to let its clients go.
    # So fast may it go back that nobody sees it bake.
    demo.wait("it went back", lambda: reason(GREEN, "RolledOut") == "AnalysisFailed", 150)
    demo.wait("with all requests", lambda: serves(GREEN, good), 30)
    assert who_answers(GREEN) == {blue}
    (told,) = (s for s in sentences(GREEN, "RolledBack") if "in the bake" in s)
    assert "failed, 1% may; the limit is broken" in told
    assert status(GREEN)["rollout"]["rejected"][-1]["name"] != blue


def test_labels_take_a_canary_back_and_the_numbers_are_told(good: dict[str, str]) -> None:
    back = "it was rolled back"
    demo.wait(back, lambda: reason(LABELLED, "RolledOut") == "AnalysisFailed", 200)
    assert serves(LABELLED, good)
    (told,) = sentences(LABELLED, "RolledBack")
    sentence = (
        r"was rolled back at 50 %: false-positive rate (\S+)% against (\S+)% of stable, "
        r"p \S \S+ after ([\d,]+) labels$"
    )
    numbers = re.search(sentence, told)
    assert numbers is not None, told
    decided = status(LABELLED)["rollout"]["decisions"][-1]
    (metric,) = decided["metrics"]
    assert decided["decision"] == "RolledBack" and decided["weight"] == 50
    assert metric["requests"] == int(numbers[3].replace(",", ""))
    assert metric["value"] > 0.5 > metric["reference"]
    assert metric["summary"] in told
