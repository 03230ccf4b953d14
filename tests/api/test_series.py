"""What the operator, as a process, tells Prometheus of objects that come, change and go."""

import json
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

from asking import Kubectl
from operators import Operator, install, only, running
from prometheus_client.parser import text_string_to_metric_families
from test_operator import wait

from localcluster.apiserver import ApiServer

SINCE = "perennial_condition_since_timestamp_seconds"


def series(operator: Operator, name: str) -> list[tuple[dict[str, str], float]]:
    with urllib.request.urlopen(f"{operator.metrics}/metrics", timeout=5) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return [(s.labels, s.value) for f in families for s in f.samples if s.name == name]


def test_conditions_are_told_with_their_times_for_as_long_as_there_is_an_object(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    assert kubectl("create", "namespace", "series").code == 0
    body = {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "DriftMonitor",
        "metadata": {"name": "lost", "namespace": "series"},
        "spec": {"deploymentRef": {"name": "nobody"}},
    }

    def written() -> dict[tuple[str, str, str], float]:
        found = json.loads(kubectl("get", "dm", "lost", "-n", "series", "-o", "json").out)
        return {
            (c["type"], c["status"], c["reason"]): datetime.fromisoformat(
                c["lastTransitionTime"]
            ).timestamp()
            for c in found.get("status", {}).get("conditions", [])
        }

    objects = install(kubectl, *only("series"))
    with running(server, kubectl, objects, tmp_path, "telling") as operator:

        def told() -> dict[tuple[str, str, str], float]:
            found: Any = series(operator, SINCE)
            return {
                (labels["type"], labels["status"], labels["reason"]): value
                for labels, value in found
                if (labels["kind"], labels["namespace"]) == ("DriftMonitor", "series")
            }

        assert kubectl("apply", "-f", "-", body=body).code == 0
        blind = ("Ready", "False", "DeploymentNotFound")
        wait("it says that it is blind", lambda: blind in written())
        wait("Prometheus is told the same", lambda: told() == written())
        ((_, success),) = series(operator, "perennial_controller_last_success_timestamp_seconds")
        assert success >= told()[blind]
        assert kubectl("delete", "dm", "lost", "-n", "series").code == 0
        wait("what is gone is told no more", lambda: not told())
