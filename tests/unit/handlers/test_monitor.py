"""Gathering what a monitor judges: windows of all pods, and the profile that they counted on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, SETTINGS, conditions, deployment, monitor

from perennial.api import DriftMonitor
from perennial.cluster.queue import Key
from perennial.handlers.observe import observe_and_plan
from perennial.plan.core.questions import Answer, Question
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.windows import Column, Window

PROFILE = Profile(
    rows=300,
    features=[FeatureProfile(name="x", kind="Numeric", edges=[1, 2], counts=[100, 100, 100])],
)


def pod(number: int, **status: Any) -> dict[str, Any]:
    labels = {"perennial.dev/revision": "r1", "pod-template-hash": "5f7"}
    owner = {"kind": "ReplicaSet", "name": "flights-r1-5f7", "controller": True}
    told = {"podIP": f"10.0.0.{number}", "conditions": [{"type": "Ready", "status": "True"}]}
    meta = {"name": f"p{number}", "labels": labels, "ownerReferences": [owner]}
    return {"metadata": meta, "status": {**told, **status}}


class Cluster:
    async def read_own(self, *_: Any) -> Any:
        return monitor()

    async def read(self, kind: type, *_: Any) -> Any:
        stable = {
            "version": "flights-1",
            "artifact": {"uri": "s3://m/", "sha256": "a" * 64},
            "revision": "r1",
            "readyReplicas": 3,
            "role": "Stable",
        }
        return None if kind is DriftMonitor else deployment(status={"revisions": [stable]})

    async def select(self, *_: Any) -> Any:
        return [pod(1), pod(2), pod(3)]


class Pods:
    """Pods of which the first does not answer, and the second has no profile to give."""

    def __init__(self) -> None:
        self.profiles: list[str] = []

    async def ask(self, questions: Sequence[Question]) -> tuple[Answer, ...]:
        assert {q.parts[:2] for q in questions} == {("features", "predictions")}
        return tuple(
            Answer(q.pod, q.revision, None, "did not answer")
            if q.pod == "p1"
            else Answer(q.pod, q.revision, self._window(q))
            for q in questions
        )

    def _window(self, q: Question) -> Window:
        return Window(
            model="m", version="1", since=0, clock=q.end + 1, start=q.start, end=q.end,
            profile="p", rows=600, features=[Column([200, 200, 200], 0, 0, 0)], predictions=[],
        )  # fmt: skip

    async def profile(self, question: Question, digest: str) -> Profile | None:
        self.profiles.append(question.pod)
        return PROFILE if question.pod == "p3" and digest == "p" else None


async def test_windows_are_added_up_and_the_silent_pod_is_told() -> None:
    pods = Pods()
    key = Key("DriftMonitor", "team", "flights")
    found = await observe_and_plan(
        Cluster(), pods, key, SETTINGS, NOW  # type: ignore[arg-type]
    )  # fmt: skip
    assert found is not None
    status: Any = found[1].status
    assert conditions(found[1])["Drifted"] == ("False", "LikeReference")
    assert (status.window.samples, status.window.pods, status.window.asked) == (1200, 2, 3)
    assert "1 of 3 ready pods did not answer" in status.conditions[0].message
    assert pods.profiles == ["p2", "p3"]


class Bursts(Pods):
    """Pods of which all tell of other values; when they came, only some do."""

    def __init__(self, told: int) -> None:
        super().__init__()
        self.told, self.slices = told, 0

    async def ask(self, questions: Sequence[Question]) -> tuple[Answer, ...]:
        found = []
        for q in questions:
            is_slice = q.end - q.start <= 180
            self.slices += is_slice
            silent = is_slice and q.pod > f"p{self.told}"
            found.append(Answer(q.pod, q.revision, None if silent else self._window(q)))
        return tuple(found)

    def _window(self, q: Question) -> Window:
        seconds = q.end - q.start
        counts = [0, seconds // 6, seconds // 3]
        return Window(
            model="m", version="1", since=0, clock=q.end + 1, start=q.start, end=q.end,
            profile="p", rows=sum(counts), features=[Column(counts, 0, 0, 0)], predictions=[],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "expected", "asked"),
    [
        (3, ("True", "DriftDetected"), 24 * 3),
        (1, ("True", "DriftDetected"), 24 * 3),
        (0, ("Unknown", "SlicesMissing"), 21 * 3),
    ],
)
async def test_where_something_alarms_it_is_asked_how_rows_came(
    told: int, expected: tuple[str, str], asked: int
) -> None:
    """Some at a time; no more once nobody tells."""
    pods = Bursts(told)
    key = Key("DriftMonitor", "team", "flights")
    found = await observe_and_plan(
        Cluster(), pods, key, SETTINGS, NOW  # type: ignore[arg-type]
    )  # fmt: skip
    assert found is not None
    assert conditions(found[1])["Drifted"] == expected
    assert pods.slices == asked


class Hiccups(Bursts):
    """Pods that answer about every other slice, and not about the newest."""

    async def ask(self, questions: Sequence[Question]) -> tuple[Answer, ...]:
        found = await super().ask(questions)
        odd = [q.end - q.start <= 180 and q.end // 150 % 2 == 0 for q in questions]
        return tuple(
            replace(a, window=None) if is_silent else a
            for a, is_silent in zip(found, odd, strict=True)
        )


async def test_slices_that_nobody_told_take_none_of_the_others_away() -> None:
    key = Key("DriftMonitor", "team", "flights")
    found = await observe_and_plan(
        Cluster(), Hiccups(3), key, SETTINGS, NOW  # type: ignore[arg-type]
    )  # fmt: skip
    assert found is not None
    assert conditions(found[1])["Drifted"] == ("True", "DriftDetected")


class Alike(Pods):
    """Pods whose model takes a column that is called as trainers call a prediction."""

    def _window(self, q: Question) -> Window:
        return (
            super()
            ._window(q)
            .replace(
                features=[Column([600, 0, 0], 0, 0, 0)], predictions=[Column([0, 600], 0, 0, 0)]
            )
        )

    async def profile(self, question: Question, digest: str) -> Profile | None:
        names = {"name": "probability", "kind": "Numeric"}
        taken = FeatureProfile(**names, edges=[1, 2], counts=[100, 100, 100])  # type: ignore[arg-type]
        given = FeatureProfile(**names, edges=[0.5], counts=[150, 150])  # type: ignore[arg-type]
        return Profile(rows=300, features=[taken], predictions=[given])


async def test_a_column_that_is_called_as_a_prediction_is_told_apart() -> None:
    key = Key("DriftMonitor", "team", "flights")
    found = await observe_and_plan(
        Cluster(), Alike(), key, SETTINGS, NOW  # type: ignore[arg-type]
    )  # fmt: skip
    assert found is not None
    status: Any = found[1].status
    assert conditions(found[1])["Drifted"] == ("True", "DriftDetected")
    assert {w.feature for w in status.worst} == {"probability", "predicted probability"}
