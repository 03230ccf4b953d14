"""What decisions make, against golden manifests.

A change of one that is meant: run with ``PERENNIAL_WRITE_GOLDEN=1`` and read the difference.
"""

import os
from pathlib import Path
from typing import Any

import yaml
from builders import NOW, SETTINGS, deployment

from perennial.plan.core import Settings
from perennial.plan.rollout import DeploymentSnapshot, plan_deployment
from perennial.plan.serving.revision import Record

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, found: dict[str, Any]) -> None:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    path = GOLDEN / name
    if os.environ.get("PERENNIAL_WRITE_GOLDEN"):
        path.write_text(yaml.dump(found, Dumper=Plain, sort_keys=False, width=100))
    assert found == yaml.safe_load(path.read_text())


def made(
    spec: dict[str, Any] | None = None, settings: Settings = SETTINGS, **snapshot: Any
) -> dict[str, Any]:
    """Return the Deployment of a first rollout, made once its record is there."""
    owner = deployment(spec)
    before = plan_deployment(DeploymentSnapshot(owner, NOW, settings, **snapshot))
    (record,) = before.create
    s = DeploymentSnapshot(owner, NOW, settings, records=(Record.read(record),), **snapshot)
    return next(o for o in plan_deployment(s).apply if o["kind"] == "Deployment")


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = workload["spec"]["template"]["spec"]
    return pod
