"""A cluster as far as reports go: an operator killed at any write, Jobs that are played."""

import contextlib
import json
from datetime import datetime, timedelta
from typing import Any

from api_server import Killed, Refusal, driven
from builders import NOW, SETTINGS, deployment, monitor

from perennial.api import DriftMonitor
from perennial.api.common import ApiModel, Kind
from perennial.api.values import Json
from perennial.cluster.queue import Later
from perennial.handlers.carry import carry_out
from perennial.plan.core import Deletion, Event, Plan
from perennial.plan.core.questions import Answers
from perennial.plan.monitoring import MonitorSnapshot, plan_monitor, wants_windows
from perennial_artifact.report import CohortCounts, ReportResult

SHA = "a" * 64
RECALL = {"name": "caught", "recall": {"minimum": 0.5}}
FROM_LOG = {
    "from": "Log",
    "window": "24m",
    "maturity": "10m",
    "metrics": [RECALL],
}
MINUTE = 60
AT_ONCE = "uid-41"
"""Of a monitor whose own moment for a first report, by its hash, is the present one."""


def serving(logs: bool = True, version: str = "flights-1", sha: str = SHA) -> Any:
    log = {"uri": "s3://logs/logs/team/flights", "secret": "log-key"}
    stable = {
        "version": version,
        "artifact": {"uri": "s3://m/", "sha256": sha},
        "secret": "model-key",
        "name": "r1",
        "readyReplicas": 1,
        "role": "Stable",
        "startTime": NOW - timedelta(days=30),
        **({"requestLog": log} if logs else {}),
    }
    serves = {"requestLog": {"features": ["amount"]}} if logs else {}
    spec = {"model": {"trainingRef": {"name": "flights"}}, "serving": serves}
    return deployment(spec, status={"revisions": [stable]})


def told(number: int, now: datetime, missed: float = 0.2, **more: Any) -> str:
    """Return what a report's pod tells: 40 frauds a minute, 34 minutes, some of them missed."""
    until = int(now.timestamp())
    first = until // MINUTE - 34
    cohorts = [
        CohortCounts(
            place=first + n,
            given=1000,
            labels=1000,
            rewards=0,
            counts=[40, round(40 * missed), 0],
        )
        for n in range(34)
    ]
    result = ReportResult(
        number=number,
        version=SHA,
        until=until,
        predictions=34_000,
        cohort_seconds=MINUTE,
        maturity_seconds=600,
        cohorts=cohorts,
        past=[100_000, 99_000, 0],
        lacks=[""],
        uri=f"s3://logs/logs/team/flights/reports/flights/{number}/report.html",
    )
    return result.replace(**more).to_message().decode()


class ReportWorld:
    """A monitor whose reports are made by hand."""

    def __init__(self, spec: dict[str, Any] | None = None) -> None:
        asked = {"report": {"every": "1h"}, "performance": FROM_LOG, "interval": "5m"}
        self.monitor: DriftMonitor = monitor({**asked, **(spec or {})})
        self.call(AT_ONCE)
        self.deployment: Any = serving()
        self.training: Any = None
        self.objects: dict[str, Json] = {}
        self.pods: list[Json] = []
        self.made: list[str] = []
        self.told: list[Event] = []
        self.refused: dict[str, Refusal] = {}
        self.settings = SETTINGS
        self.now = NOW

    def call(self, uid: str) -> None:
        meta = self.monitor.metadata.model_copy(update={"uid": uid})
        self.monitor = self.monitor.model_copy(update={"metadata": meta})

    def step(self, cut: int = 99, after: float = 1.0) -> Plan:
        """Let the operator look once; it is killed after so many writes."""
        self.now += timedelta(seconds=after)
        snapshot = MonitorSnapshot(
            self.monitor,
            self.now,
            self.deployment,
            self.training,
            self._answers(),
            settings=self.settings,
            jobs=tuple(self.objects.values()),
            pods=tuple(self.pods),
        )
        plan = plan_monitor(snapshot)
        with contextlib.suppress(Killed, Later):
            driven(carry_out(_Writer(self, cut), self.monitor, plan, self.now))
        return plan

    def _answers(self) -> Answers | None:
        """Return that no pod told anything, where it is time to ask them."""
        deployment = self.deployment
        if deployment is None or not wants_windows(self.monitor, deployment, self.now):
            return None
        return Answers({"r1": ("pod-0",)}, 0, ())

    def change(self, **spec: Any) -> None:
        meta = self.monitor.metadata
        meta = meta.model_copy(update={"generation": meta.generation + 1})
        body = {**self.monitor.spec.to_json(), **spec}
        body = {k: v for k, v in body.items() if v is not None}
        self.monitor = DriftMonitor.read(
            {"metadata": meta, "spec": body, "status": self.monitor.status}
        )

    def finish(self, message: str | None, owner: str = "", how: str = "Complete") -> None:
        """Let the newest Job end, and its pod with a message."""
        name = list(self.objects)[-1]
        job = self.objects[name]
        end = {"type": how, "status": "True", "lastTransitionTime": self.now.isoformat()}
        job["status"] = {"conditions": [end]}
        if message is not None:
            ended = {"message": message, "exitCode": 0, "finishedAt": self.now.isoformat()}
            uid = owner or job["metadata"]["uid"]
            self.pods.append(
                {
                    "metadata": {
                        "name": f"{name}-x",
                        "labels": job["metadata"]["labels"],
                        "ownerReferences": [{"controller": True, "uid": uid}],
                    },
                    "status": {"containerStatuses": [{"state": {"terminated": ended}}]},
                }
            )

    def report(self, missed: float = 0.2, **more: Any) -> None:
        """Let one report be made from its beginning to its end."""
        for _ in range(3):
            self.step()
        self.finish(told(self.number, self.now, missed, **more))
        self.step()

    @property
    def number(self) -> int:
        found = self.monitor.status.report
        return found.number if found is not None else 0

    def condition(self, type: str = "Reported") -> tuple[str, str]:
        found = {c.type: (c.status, c.reason) for c in self.monitor.status.conditions}
        return found[type]

    def message(self, type: str = "Reported") -> str:
        return next(c.message for c in self.monitor.status.conditions if c.type == type)


class _Writer:
    """The API server as far as carrying out a plan sees it."""

    def __init__(self, world: ReportWorld, cut: int) -> None:
        self._world, self._left = world, cut

    def _count(self, name: str) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1
        if (refusal := self._world.refused.get(name)) is not None:
            raise refusal.error(name)

    async def create(self, wanted: Json) -> bool:
        name = wanted["metadata"]["name"]
        if name in self._world.objects:
            return False
        self._count(wanted["kind"])
        metadata = {**wanted["metadata"], "uid": f"uid-{name}"}
        self._world.objects[name] = {**wanted, "metadata": metadata}
        self._world.made.append(name)
        return True

    async def apply(self, wanted: Json, premise: Any = None) -> bool:
        raise AssertionError("a monitor applies nothing")

    async def delete(self, deletion: Deletion, premise: Any = None) -> None:
        raise AssertionError("a monitor deletes nothing")

    async def write_status(self, owner: Kind, status: ApiModel) -> bool:
        self._count("status")
        sent = json.loads(json.dumps(status.to_json()))
        again = type(self._world.monitor.status).model_validate(sent)
        self._world.monitor = self._world.monitor.model_copy(update={"status": again})
        return True

    async def emit(self, owner: Kind, event: Event, now: datetime) -> None:
        self._world.told.append(event)
