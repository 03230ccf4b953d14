"""Which pods are asked, and who is counted as silent."""

from typing import Any

from perennial.plan.core.questions import PODS_ASKED, Answer, ask, is_ready
from perennial_artifact.outcomes import Known, Outcomes
from perennial_artifact.windows import Window


def pod(name: str, revision: str = "r1", ready: bool = True, **more: Any) -> dict[str, Any]:
    labels = {"perennial.dev/revision": revision}
    status = {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": str(ready)}]}
    return {
        "metadata": {"name": name, "labels": labels, **more.pop("meta", {})},
        "status": {**status, **more},
    }


GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def test_ready_pods_are_to_answer_and_those_that_end_are_asked_too() -> None:
    pods = [
        pod("ready"),
        pod("going", meta=GOING),
        pod("flapping", ready=False),
        pod("ended", phase="Succeeded"),
        pod("nowhere", podIP=None),
        pod("other", revision="r9"),
        {"metadata": {"name": "new", "labels": {"perennial.dev/revision": "r1"}}},
        pod("canary", revision="r2"),
    ]
    asked = ask(pods, ["r1", "r2"], 10, 20, 2, ("requests",))
    assert asked.ready == {"r1": ("ready",), "r2": ("canary",)} and asked.until == 20
    assert {q.pod for q in asked.questions} == {"ready", "going", "flapping", "canary"}
    assert {(q.start, q.end, q.step, q.parts) for q in asked.questions} == {
        (10, 20, 2, ("requests",))
    }


def test_of_a_large_revision_some_speak_for_the_others_and_ends_do_not_crowd_them_out() -> None:
    pods = [pod(f"p{n}") for n in range(300)] + [pod(f"e{n}", meta=GOING) for n in range(300)]
    asked = ask(pods, ["r1"], 10, 20, 2, ("requests",))
    assert len(asked.ready["r1"]) == PODS_ASKED and len(asked.questions) == 2 * PODS_ASKED


def test_who_is_silent_and_up_to_when_others_have_told() -> None:
    asked = ask([pod("a"), pod("b"), pod("c"), pod("d", meta=GOING)], ["r1"], 10, 20, 2, ())
    told = Window(model="m", version="1", since=0, clock=20, start=10, end=18)
    heard = [
        Answer("a", "r1", told),
        Answer("b", "r1", None, "did not answer"),
        Answer("c", "r1", told, skew=-7.0),
        Answer("d", "r1", told),
    ]
    answers = asked.answers(heard)
    assert answers.silent("r1") == ["b"] and len(answers.of("r1")) == 2
    assert [h.pod for h in answers.skewed("r1")] == ["c"] and answers.skewed("r2") == []
    assert answers.answered_until("r1") == {"a": 18, "b": 0, "c": 0}


def test_a_pod_is_ready_with_an_address_and_while_it_does_not_end() -> None:
    assert is_ready(pod("p")) and not is_ready(pod("p", podIP=None))
    assert not is_ready(pod("p", meta=GOING)) and not is_ready(pod("p", ready=False))


def test_outcomes_are_of_all_pods_and_who_lacks_them_is_named() -> None:
    """Whoever counts none, as a server before they were, has not counted zero."""
    asked = ask(
        [pod("a"), pod("b"), pod("old", "r2"), pod("silent", "r2")], ["r1", "r2"], 0, 60, 5, ()
    )
    plain = Window(model="m", version="1", since=0, clock=60, start=0, end=60)
    ours, theirs = "a" * 64, "b" * 64

    def told(version: str, count: int) -> Window:
        known = [Known(age=60, labels={"1": {50: count}})]
        return plain.replace(outcomes=[Outcomes(version=version[:12], score="x", known=known)])

    heard = [
        Answer("a", "r1", told(ours, 2)),
        Answer("b", "r1", told(theirs, 1)),
        Answer("going", "r1", told(ours, 4)),
        Answer("old", "r2", plain),
        Answer("silent", "r2", None, "did not answer"),
    ]
    found = asked.answers(heard).arrived()
    assert found.lacking == ("old", "silent")
    (mine, other) = (found.of(sha256) for sha256 in (ours, theirs))
    assert mine is not None and mine.known[0].labels == {"1": {50: 6}}
    assert other is not None and other.known[0].labels == {"1": {50: 1}}
    assert found.of("c" * 64) is None
