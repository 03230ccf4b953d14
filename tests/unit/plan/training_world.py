"""A cluster as far as a ModelTraining sees it, whose operator may be killed at any write."""

import contextlib
import json
from datetime import datetime
from typing import Any

from api_server import Killed, Refusal, driven
from builders import NOW, SETTINGS, SHA, training

from perennial.api import ModelTraining, ModelVersion
from perennial.api.common import ApiModel, Kind
from perennial.api.values import Json
from perennial.cluster.queue import Later
from perennial.handlers.carry import carry_out
from perennial.plan.core import Deletion, Event, Plan
from perennial.plan.training import INDEX_LABEL, TrainingSnapshot, plan_training


def message(candidate: str, value: float, champion: float | None = None) -> str:
    told: dict[str, Any] = {
        "candidate": candidate,
        "artifact": {"uri": "s3://models/sha256/x/", "sha256": SHA, "sizeBytes": 1},
        "metrics": [{"name": "roc_auc", "value": value}],
        "algorithm": "X",
        "dataset": {"uri": "s3://data/x.parquet", "sha256": SHA, "rows": 10},
    }
    if champion is not None:
        compared = {"name": "roc_auc", "value": value, "champion": champion}
        ends = {"low": value - champion - 0.02, "high": value - champion + 0.02}
        told["comparisons"] = [{**compared, **ends}]
    return json.dumps(told)


class World:
    """A cluster that can be cut between any two writes of a plan."""

    def __init__(self, spec: dict[str, Any] | None = None) -> None:
        self.training = training(spec)
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.pods: list[dict[str, Any]] = []
        self.created: list[str] = []
        self.refused: dict[str, Refusal] = {}
        self.told: list[Event] = []
        self.events: list[dict[str, Any]] = []  # about a Job whose pods are refused
        self.deployed: frozenset[str] = frozenset()
        self.now = NOW

    def snapshot(self, **more: Any) -> TrainingSnapshot:
        def of(kind: str) -> tuple[dict[str, Any], ...]:
            return tuple(o for (k, _), o in self.objects.items() if k == kind)

        return TrainingSnapshot(
            training=self.training,
            now=self.now,
            settings=SETTINGS,
            jobs=of("Job"),
            config_maps=of("ConfigMap"),
            pods=tuple(self.pods),
            job_events=tuple(self.events),
            versions=tuple(ModelVersion.read(v) for v in of("ModelVersion")),
            deployed=self.deployed,
            **more,
        )

    def carry_out(self, plan: Plan, cut: int = 99) -> None:
        """Do at most ``cut`` writes, in the plan's order."""
        with contextlib.suppress(Killed, Later):  # refused: the queue tries again later
            driven(carry_out(_Writer(self, cut), self.training, plan, self.now))

    def write(self, wanted: dict[str, Any]) -> None:
        """Apply an object."""
        key = (wanted["kind"], wanted["metadata"]["name"])
        if key not in self.objects:
            self.created.append("/".join(key))
        known = self.objects.get(key, {})
        uid = known.get("metadata", {}).get("uid", f"uid-{'-'.join(key)}")
        self.objects[key] = {**known, **wanted, "metadata": {**wanted["metadata"], "uid": uid}}

    def step(self, cut: int = 99, **more: Any) -> Plan:
        """Let the operator look once; and again at once where it has made a version."""
        plan = plan_training(self.snapshot(**more))
        self.carry_out(plan, cut)
        if cut == 99 and any(o["kind"] == "ModelVersion" for o in plan.apply):
            plan = plan_training(self.snapshot(**more))
            self.carry_out(plan)
        return plan

    def change(self, **spec: Any) -> None:
        """Change fields of the spec."""
        meta = self.training.metadata
        meta = meta.model_copy(update={"generation": meta.generation + 1})
        body = {**self.training.spec.to_json(), **spec}
        status = self.training.status
        self.training = ModelTraining.read({"metadata": meta, "spec": body, "status": status})

    def finish_run(self, messages: dict[int, str]) -> None:
        """Let all pods of the run end, as soon as it has any."""
        for _ in range(3):
            run = self.training.status.run
            assert run is not None
            if ("Job", f"flights-{run.number}") not in self.objects:
                self.step()
        self.finish_pods(messages)
        job = self.objects[("Job", f"flights-{run.number}")]
        job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}

    def finish_pods(self, messages: dict[int, str]) -> None:
        """Let some pods of the run end."""
        run = self.training.status.run
        assert run is not None
        self.pods = [
            {
                "metadata": {
                    "labels": {"perennial.dev/run": str(run.number), INDEX_LABEL: str(index)},
                    "ownerReferences": [
                        {"controller": True, "uid": f"uid-Job-flights-{run.number}"}
                    ],
                },
                "status": {
                    "containerStatuses": [
                        {"state": {"terminated": {"message": text, "exitCode": 0}}}
                    ]
                },
            }
            for index, text in messages.items()
        ]


def run_to_end(world: World, messages: dict[int, str]) -> None:
    world.step()  # records the run
    world.step()  # makes the Job
    world.finish_run(messages)
    world.step()


def asked(world: World, request: str) -> None:
    meta = world.training.metadata.model_copy(
        update={"annotations": {"perennial.dev/request": request}}
    )
    world.training = world.training.model_copy(update={"metadata": meta})


class _Writer:
    """The API server as far as carrying out a plan sees it."""

    def __init__(self, world: World, cut: int) -> None:
        self._world, self._left = world, cut

    def _count(self, *names: str) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1
        for name in names:
            if (refusal := self._world.refused.get(name)) is not None:
                raise refusal.error(" ".join(names))

    async def create(self, wanted: Json) -> bool:
        known = (wanted["kind"], wanted["metadata"]["name"]) in self._world.objects
        return not known and await self.apply(wanted)

    async def apply(self, wanted: Json, premise: Any = None) -> bool:
        self._count(wanted["kind"], wanted["metadata"]["name"])
        self._world.write(wanted)
        return True

    async def delete(self, deletion: Deletion, premise: Any = None) -> None:
        self._count("deletion")
        self._world.objects.pop((deletion.kind, deletion.name), None)

    async def write_status(self, owner: Kind, status: ApiModel) -> bool:
        self._count("status")
        sent = json.loads(json.dumps(status.to_json()))
        again = type(self._world.training.status).model_validate(sent)
        self._world.training = self._world.training.model_copy(update={"status": again})
        return True

    async def emit(self, owner: Kind, event: Event, now: datetime) -> None:
        self._world.told.append(event)
