"""Gathering what a training is decided by."""

from typing import Any

import pytest
from builders import NOW, run, run_children, training
from stored import SETTINGS, Stored, key

from perennial.handlers.observe import observe_and_plan
from perennial.plan.training import INDEX_LABEL
from perennial.sources.pods import Pods

SENTENCE = 'pods "flights-1-0-" is forbidden: exceeded quota: team, requested: pods=1'
ASKED = "Events of flights-1 FailedCreate"


def fitting(*pods: int) -> Stored:
    """Return a run under way, with the pods of some candidates."""
    candidates = [{"name": name, "verdict": "Running"} for name in ("boosted", "linear")]
    begun = {**run().to_json(), "candidates": candidates}
    owner = training(status={"run": begun})
    record, job = run_children(owner, owner.status.run)  # type: ignore[arg-type]
    job["metadata"]["uid"] = "uid-job"
    job["spec"]["parallelism"] = 2
    made: list[dict[str, Any]] = [
        {
            "kind": "Pod",
            "metadata": {
                "name": f"pod-{index}",
                "labels": {"perennial.dev/run": "1", INDEX_LABEL: str(index)},
                "ownerReferences": [{"controller": True, "uid": "uid-job"}],
            },
            "status": {"phase": "Running"},
        }
        for index in pods
    ]
    return Stored(owner, record, job, *made)


@pytest.mark.parametrize("pods", [(), (0,)])
async def test_what_the_jobs_controller_says_is_read_where_pods_are_lacking(
    pods: tuple[int, ...],
) -> None:
    cluster: Any = fitting(*pods)
    cluster.events = [{"note": f"Error creating: {SENTENCE}"}]
    decided = await observe_and_plan(cluster, Pods(), key(cluster.objects[0]), SETTINGS, NOW)
    assert decided is not None and ASKED in cluster.asked
    status: Any = decided[1].status
    (ready,) = [c for c in status.conditions if c.type == "Ready"]
    assert ready.reason == "PodsRefused" and SENTENCE in ready.message
    told = {c.name: SENTENCE in c.message for c in status.run.candidates}
    assert told == {"boosted": not pods, "linear": True}


async def test_no_event_is_read_where_all_pods_are_there() -> None:
    cluster: Any = fitting(0, 1)
    assert await observe_and_plan(cluster, Pods(), key(cluster.objects[0]), SETTINGS, NOW)
    assert ASKED not in cluster.asked
