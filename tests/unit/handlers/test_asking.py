"""What takes long is asked beside the passes: each answer comes once, and nobody waits for it."""

import asyncio
from typing import Any

import pytest
from builders import NOW, later, version
from builders import deployment as made
from stored import SETTINGS, Stored, key

from perennial.handlers.observe import observe_and_plan
from perennial.handlers.observe.asking import Asking
from perennial.sources.pods import Pods

KEY = ("team", "flights")


class Others:
    """Answers when it is let to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let = asyncio.Event()

    async def __call__(self, question: str) -> str:
        self.asked.append(question)
        await self.let.wait()
        return question.upper()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_question_is_asked_once_and_its_answer_taken_once() -> None:
    asking: Asking[str, str] = Asking()
    others = Others()
    for _ in range(3):
        assert asking.look(KEY, ["a", "b"], others) == []
        await turns()
    assert others.asked == ["a", "b"]
    others.let.set()
    await turns()
    assert asking.look(KEY, ["a", "b"], others) == [("a", "A"), ("b", "B")]
    assert asking.look(KEY, ["a", "b"], others) == []  # and now they are asked again
    await turns()
    assert others.asked == ["a", "b", "a", "b"]
    asking.forget(*KEY)


async def test_what_is_not_asked_for_any_more_is_given_up() -> None:
    asking: Asking[str, str] = Asking()
    given_up = asyncio.Event()

    async def ask(question: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        return question

    asking.look(KEY, ["a"], ask)
    await turns()
    assert asking.look(KEY, [], ask) == []
    await turns()
    assert given_up.is_set()


async def test_objects_are_asked_for_apart() -> None:
    asking: Asking[str, str] = Asking()
    others = Others()
    others.let.set()
    asking.look(KEY, ["a"], others)
    asking.look(("team", "other"), ["b"], others)
    await turns()
    assert asking.look(KEY, ["a"], others) == [("a", "A")]
    asking.forget("team", "other")
    assert asking.look(("team", "other"), ["b"], others) == []
    asking.forget(*KEY)
    asking.forget("team", "other")


async def test_an_error_of_ours_is_seen_and_not_kept() -> None:
    asking: Asking[str, str] = Asking()

    async def wrong(question: str) -> str:
        raise KeyError(question)

    asking.look(KEY, ["a"], wrong)
    await turns()
    with pytest.raises(KeyError):
        asking.look(KEY, ["a"], wrong)
    asking.look(KEY, [], wrong)


OLD, NEW = "a" * 64, "b" * 64
BEFORE = {"golden": {"configMap": {"name": "golden"}}}
TRIED = {
    "rollout": {
        "promotedTime": NOW,
        "step": {"index": 0, "hash": "x", "scalingSince": NOW},
        "signature": {"pair": "r-1/r-2", "passed": True},
    },
    "revisions": [
        {"role": role, "name": name, "artifact": {"uri": "s3://models/t/", "sha256": sha}}
        for role, name, sha in (("Stable", "r-1", OLD), ("Canary", "r-2", NEW))
    ],
}


class Recording(Stored):
    """Notes what is read by name."""

    def __init__(self, *objects: Any) -> None:
        super().__init__(*objects)
        self.got: list[str] = []

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Any:
        self.got.append(name)
        return await super().get(api_version, kind, namespace, name)


@pytest.mark.parametrize("passed", [False, True])
async def test_the_config_map_is_read_while_golden_requests_are_to_be_asked(passed: bool) -> None:
    rollout = {"canary": {"steps": [{"setWeight": 50}]}, "beforeTraffic": BEFORE}
    owner = made({"rollout": rollout}, status=TRIED if not passed else {})
    cluster = Recording(owner, version(1, OLD))
    decided = await observe_and_plan(cluster, Pods(), key(owner), SETTINGS, later(1))
    assert decided is not None
    assert ("golden" in cluster.got) != passed
