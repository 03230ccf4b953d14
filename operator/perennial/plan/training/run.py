"""What a run was asked to do, recorded before its Job is made, and read for as long as it lives.

The ConfigMap never changes. It is the training's until the Job is seen, and the Job's from then
on, so that both go together.
"""

import hashlib
import json
from dataclasses import dataclass

from perennial.api.deployment import RequestLogLocation
from perennial.api.training import ModelTraining, RunStatus, TrainingSpec
from perennial.api.values import Json
from perennial.plan.core import Settings, owner_reference
from perennial.plan.training.job import child_name, job, labels, run_spec

_TRAINED = {"task", "dataset", "objective", "candidates", "gates"}
_NAMES = {"gates": {"__all__": {"name"}}}
"""A gate by another name asks for the same."""


def as_trained(spec: TrainingSpec) -> str:
    """Return the hash of what is trained: nothing else in a spec is worth a run."""
    said = spec.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, include=_TRAINED, exclude=_NAMES
    )
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:10]


@dataclass(frozen=True)
class RunRecord:
    """What a run was asked to do."""

    spec: TrainingSpec
    job: Json
    config_map: Json

    @classmethod
    def read(cls, config_map: Json) -> "RunRecord | None":
        """Return what a ConfigMap holds, None where a hand has made something else of it."""
        data = config_map.get("data", {})
        try:
            spec = TrainingSpec.model_validate_json(data["spec.json"])
            return cls(spec, json.loads(data["job.json"]), config_map)
        except (KeyError, ValueError):
            return None

    def owned_by_job(self, live: Json) -> Json | None:
        """Return the ConfigMap as its Job's, None where it is that already."""
        meta, owner = self.config_map["metadata"], live["metadata"]
        reference = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": owner["name"],
            "uid": owner.get("uid", ""),
            "controller": True,
            "blockOwnerDeletion": True,
        }
        if meta.get("ownerReferences") == [reference] or not reference["uid"]:
            return None
        kept = {k: meta[k] for k in ("name", "namespace", "labels")}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**kept, "ownerReferences": [reference]},
            "immutable": True,
            "data": self.config_map["data"],
        }


def config_map(
    training: ModelTraining, run: RunStatus, log: RequestLogLocation | None, settings: Settings
) -> Json:
    """Return the record of a run as the spec and the chart say now."""
    meta, document = training.metadata, run_spec(training, run, log, settings)
    files = {
        "run.json": document.to_plain(),
        "spec.json": training.spec.to_json(),
        "job.json": job(training, run, document, log, settings),
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": child_name(training, run.number),
            "namespace": meta.namespace,
            "labels": labels(training, run.number),
            "ownerReferences": [owner_reference("ModelTraining", meta.name, meta.uid)],
        },
        "immutable": True,
        "data": {name: json.dumps(body) for name, body in files.items()},
    }
