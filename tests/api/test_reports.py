"""A monitor's report on a real API server: the Job that is made, and what its pod is believed.

The pod is played, and there is no controller: what the kubelet and Kubernetes would write is
written by hand.
"""

import json
import time
from pathlib import Path
from typing import Any

from asking import Kubectl
from operators import install, only, running
from test_kinds import SHA, body
from test_operator import wait

from localcluster.apiserver import ApiServer
from perennial_artifact.report import CohortCounts, ReportResult, ReportSpec

SPACE, JOB = "reported", "fraud-report-1"
SPAN = 60
LOG = {"features": ["amount"], "store": {"uri": "s3://logs"}}


def made(kind: str, **spec: Any) -> dict[str, Any]:
    found = body(kind, "fraud", **spec)
    found["metadata"]["namespace"] = SPACE
    return found


def answer(spec: ReportSpec) -> ReportResult:
    """Return that 90 % of the frauds were missed, minute by minute."""
    until = int(spec.until.timestamp())
    cohorts = [CohortCounts(until // SPAN - 26 + n, 500, 500, 0, [40, 36, 0]) for n in range(26)]
    return ReportResult(
        number=spec.number,
        version=spec.artifact_sha256,
        until=until,
        predictions=13_000,
        cohort_seconds=SPAN,
        maturity_seconds=60,
        cohorts=cohorts,
        lacks=[""],
        uri=f"{spec.into}/1/report.html",
    )


def test_a_report_is_made_once_and_what_its_pod_tells_is_judged(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("create", "namespace", SPACE)
    objects = install(kubectl, *only(SPACE))

    def got(kind: str, name: str) -> dict[str, Any]:
        found = kubectl("get", kind, name, "-n", SPACE, "-o", "json")
        return dict(json.loads(found.out)) if found.code == 0 else {}

    def condition(type: str) -> tuple[str, str]:
        conditions = got("dm", "fraud").get("status", {}).get("conditions", [])
        found: dict[str, Any] = next((c for c in conditions if c["type"] == type), {})
        return found.get("status", ""), found.get("reason", "")

    def put(kind: str, name: str, status: dict[str, Any]) -> None:
        patch = json.dumps({"status": status})
        done = kubectl(
            "patch", kind, name, "-n", SPACE, "--subresource=status", "--type=merge", "-p", patch
        )
        assert done.code == 0, done.error

    artifact = {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}
    deployment = made("ModelDeployment", model={"artifact": artifact}, serving__requestLog=LOG)
    monitor = made(
        "DriftMonitor",
        interval="1s",
        report={"every": "2m"},  # the first comes within a quarter of it
        performance={
            "from": "Log",
            "window": "24m",
            "maturity": "1m",
            "metrics": [{"name": "caught", "recall": {"minimum": 0.5}}],
        },
    )
    with running(server, kubectl, objects, tmp_path, "reporting"):
        assert kubectl("apply", "-f", "-", body=monitor).code == 0
        wait("it is told what is lacking", lambda: condition("Reported")[1] == "DeploymentNotFound")
        assert kubectl("apply", "-f", "-", body=deployment).code == 0
        wait("a Job is made", lambda: got("job", JOB) != {}, 60)
        job = got("job", JOB)
        (container,) = job["spec"]["template"]["spec"]["containers"]
        environment = {e["name"]: e["value"] for e in container["env"]}
        spec = ReportSpec.from_json(environment["PERENNIAL_REPORT"])
        assert spec.log_uri == f"s3://logs/logs/{SPACE}/fraud"
        assert job["metadata"]["ownerReferences"][0]["name"] == "fraud"
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": JOB,
            "uid": job["metadata"]["uid"],
            "controller": True,
        }
        template = job["spec"]["template"]
        kubectl("create", "serviceaccount", "default", "-n", SPACE)
        for name, owners in (("foreign", []), ("ours", [owner])):
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "namespace": SPACE,
                    "labels": template["metadata"]["labels"],
                    "ownerReferences": owners,
                },
                "spec": template["spec"],
            }
            applied = kubectl("apply", "-f", "-", body=pod)
            assert applied.code == 0, applied.error
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for name, message in (
            ("foreign", ReportResult(number=1, uri="s3://theirs").to_json().decode()),
            ("ours", answer(spec).to_message().decode()),
        ):
            ended = {"exitCode": 0, "reason": "Completed", "message": message}
            ended |= {"startedAt": now, "finishedAt": now}
            container_status = {
                "name": "report",
                "image": "x",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"terminated": ended},
            }
            put("pod", name, {"phase": "Succeeded", "containerStatuses": [container_status]})
        conditions = [
            {"type": type, "status": "True", "lastTransitionTime": now, "lastProbeTime": now}
            for type in ("SuccessCriteriaMet", "Complete")
        ]
        counts = {"succeeded": 1, "startTime": now, "completionTime": now}
        uncounted = {"uncountedTerminatedPods": {}}
        put("job", JOB, {"conditions": conditions, **counts, **uncounted})
        wait("it is reported", lambda: condition("Reported") == ("True", "Published"))
        wait("it is judged", lambda: condition("PerformanceKept")[0] == "False")
        status = got("dm", "fraud")["status"]
        assert status["report"]["uri"] == f"{spec.into}/1/report.html"
        (metric,) = status["performance"]["metrics"]
        assert metric["verdict"] == "Broken" and abs(metric["value"] - 0.1) < 1e-9
        time.sleep(3)
        assert kubectl("get", "jobs", "-n", SPACE, "-o", "name").out.split() == [f"job.batch/{JOB}"]
    log = (tmp_path / "reporting.log").read_text()
    assert "reconcile failed" not in log and "refused" not in log
