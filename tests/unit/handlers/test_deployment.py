"""Gathering what a rollout is decided by."""

from typing import Any

import pytest

from perennial.handlers import deployment

TEXT = b'perennial_serving_requests_total{code="200"} 7\n'


def pod(name: str, revision: str, ready: bool = True) -> dict[str, Any]:
    status = {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": str(ready)}]}
    return {"metadata": {"name": name, "labels": {"perennial.dev/revision": revision}},
            "status": status}  # fmt: skip


async def test_answers_are_told_beside_who_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(pods: list[Any], path: str) -> dict[str, bytes]:
        assert path == "/metrics"
        said = {"s1": TEXT, "c1": TEXT, "c2": b"<html>{</html>"}
        return {n: said[n] for p in pods if (n := p["metadata"]["name"]) in said}

    monkeypatch.setattr(deployment, "read_pods", read)
    pods = [
        *(pod("s1", "old"), pod("c1", "new"), pod("c2", "new"), pod("c3", "new")),
        *(pod("c4", "new", ready=False), pod("p", "older")),
    ]
    found = await deployment._ask(pods, ["old", "new"])
    assert {r: set(names) for r, names in found.asked.items()} == {
        "old": {"s1"},
        "new": {"c1", "c2", "c3"},
    }
    assert [p.requests for p in found.of("new")] == [7]
    assert found.silent("old") == [] and set(found.silent("new")) == {"c2", "c3"}
