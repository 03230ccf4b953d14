"""The Job of a report: its pod reads the request log with the rights of the training's pods.

What it is to read stands in the Job itself, so that one write makes both, or none.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from perennial.api.common import Condition
from perennial.api.deployment import Revision
from perennial.api.monitor import DriftMonitor, MonitorSpec, PerformanceMetric
from perennial.api.values import Json, seconds
from perennial.plan.core import MANAGED_BY, owner_reference
from perennial.plan.monitoring.cohorts import width
from perennial.plan.monitoring.same_hours import zone_of
from perennial.plan.monitoring.snapshot import MonitorSnapshot
from perennial.plan.pods.container import resources
from perennial.plan.pods.trainer import TrainerPod
from perennial.plan.pods.volumes import Opens
from perennial_artifact.report import (
    Looked,
    MetricSpec,
    Moment,
    ReportSpec,
    Said,
    Story,
)

LEAST_KEPT_SECONDS = 300
"""For so long an ended Job stays, or two reports long: its log has the page for people."""
VARIABLE = "PERENNIAL_REPORT"
"""Of its pod's environment: what it is to make, and where the page is put."""
TRIES = 2
"""Of a pod after the first, where another try may help."""
DEFAULT_RESOURCES: Json = {
    "requests": {"cpu": "100m", "memory": "256Mi"},
    "limits": {"memory": "2Gi"},
}
DEFAULT_WINDOW = "168h"
"""Of a report without spec.performance."""


HAPPENED, LONGEST = 20, 300
"""Of what people are told: how much of it, and characters of each; it all stands in the Job."""


def job_name(monitor: DriftMonitor, number: int) -> str:
    """Return the name of a report's Job."""
    return f"{monitor.metadata.name}-report-{number}"


def labels(monitor: DriftMonitor, number: int) -> dict[str, str]:
    """Return the labels of a report's Job and its pods."""
    return {
        **MANAGED_BY,
        "app.kubernetes.io/component": "report",
        "perennial.dev/monitor": monitor.metadata.name,
        "perennial.dev/report": str(number),
    }


def secrets_of(stable: Revision) -> dict[str, str]:
    """Return the Secrets that a report's pod mounts, by what they are for."""
    log = stable.request_log
    return {"log": log.secret if log is not None else "", "store": stable.secret}


def report_job(s: MonitorSnapshot, stable: Revision, number: int, until: datetime) -> Json:
    """Return the Job of a report on what the stable revision logged.

    Args:
        s: what was observed.
        stable: whose pods log.
        number: the report's.
        until: what is told later is another report's.
    """
    monitor, asked = s.monitor, s.monitor.spec.report
    assert asked is not None
    meta = monitor.metadata
    document = report_spec(s, stable, number, until)
    # A $ would be taken for the name of another variable.
    text = document.to_json().decode().replace("$", "\\u0024")
    training = s.training.spec if s.training is not None else None
    pod = TrainerPod(
        container="report",
        command=("python3", "-m", "perennial_training.report"),
        resources=resources(asked.resources, DEFAULT_RESOURCES),
        opens=Opens(reads=(document.artifact_uri,), writes=(document.log_uri,)),
        secrets=secrets_of(stable),
        service_account=training.job.service_account_name if training is not None else "",
        environment=({"name": VARIABLE, "value": text},),
    ).template(s.settings)
    kept = max(LEAST_KEPT_SECONDS, 2 * seconds(asked.every) + seconds(asked.deadline))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(monitor, number),
            "namespace": meta.namespace,
            "labels": labels(monitor, number),
            "ownerReferences": [owner_reference("DriftMonitor", meta.name, meta.uid)],
        },
        "spec": {
            "backoffLimit": TRIES,
            "activeDeadlineSeconds": max(1, int(seconds(asked.deadline))),
            "ttlSecondsAfterFinished": int(kept),
            "template": {"metadata": {"labels": labels(monitor, number)}, "spec": pod},
        },
    }


def asked_of(spec: MonitorSpec) -> str:
    """Return a hash of what of a spec a report is made by: not of what is done about drift."""
    written = spec.to_json()
    parts = {name: written.get(name) for name in ("deploymentRef", "report", "performance")}
    limits = written.get("quality", {}).get("duplicatesMaximum")
    of_report = {**parts, "reference": written.get("reference"), "duplicates": limits}
    return hashlib.sha256(json.dumps(of_report, sort_keys=True).encode()).hexdigest()[:10]


def window_seconds(spec: MonitorSpec) -> float:
    """Return how far back a report looks, in seconds."""
    asked = spec.performance
    return seconds(asked.window if asked is not None else DEFAULT_WINDOW)


def report_spec(s: MonitorSnapshot, stable: Revision, number: int, until: datetime) -> ReportSpec:
    """Return what a report is to be made of."""
    meta, spec, log = s.monitor.metadata, s.monitor.spec, stable.request_log
    assert log is not None
    asked = spec.performance
    is_read = asked is not None and asked.is_from_log
    window = window_seconds(spec)
    maturity = asked.maturity if asked is not None else None
    return ReportSpec(
        monitor=meta.name,
        namespace=meta.namespace,
        deployment=spec.deployment_ref.name,
        number=number,
        version=stable.version or stable.revision,
        artifact_uri=stable.artifact.uri,
        artifact_sha256=stable.artifact.sha256,
        log_uri=log.uri,
        into=f"{log.uri.rstrip('/')}/reports/{meta.name}",
        until=until,
        window_seconds=window,
        cohort_seconds=width(asked) if asked is not None else max(1, round(window / 24)),
        maturity_seconds=seconds(maturity) if maturity is not None else None,
        metrics=[metric_spec(m) for m in asked.metrics] if asked is not None else [],
        duplicates_maximum=spec.quality.duplicates_maximum,
        slices=list(asked.slices) if asked is not None and is_read else [],
        same_hours=_zone(spec),
        story=story(s),
    )


def _zone(spec: MonitorSpec) -> str | None:
    """Return the zone of the hours that are asked for; the looks tell of one that is none."""
    asked = spec.reference.same_hours if spec.reference is not None else None
    try:
        return asked.time_zone if asked is not None and zone_of(asked.time_zone) else None
    except ValueError:
        return None


def metric_spec(metric: PerformanceMetric) -> MetricSpec:
    """Return a metric as the report's contract writes it."""
    written = metric.to_json()
    name = written.pop("name")
    ((kind, limits),) = written.items()
    known = ("positiveClass", "threshold", "minimum", "maximum")
    return MetricSpec.from_plain(
        {"name": name, "kind": kind, **{k: limits[k] for k in known if k in limits}}
    )


def story(s: MonitorSnapshot) -> Story:
    """Return what people are told of the monitor beside what the log says."""
    status, deployment = s.monitor.status, s.deployment
    rejected = deployment.status.rejected if deployment is not None else []
    happened = [Moment(time=r.time, message=f"{r.name} was taken back: {r.message}")
                for r in rejected]  # fmt: skip
    revisions = deployment.status.revisions if deployment is not None else []
    happened += [
        Moment(time=r.start_time, message=f"{r.name} was started, {r.role or 'no role'} by now")
        for r in revisions
        if r.start_time is not None
    ]
    if (last := status.last_retraining) is not None:
        what = f"a retraining was asked for: {last.message}"
        ended = f" (run {last.run}: {last.outcome or 'under way'})" if last.run else ""
        happened.append(Moment(time=last.time, message=what + ended))
    if (back := status.rollback) is not None:
        what = f"a rollback to {back.to_version or back.to} was asked for: {back.message}"
        ended = f" ({back.outcome or 'under way'})"
        happened.append(Moment(time=back.time, message=what + ended))
    if (told := status.notification) is not None:
        happened.append(Moment(time=told.time, message=f"notified: {told.message}"))
    return Story(
        conditions=_said(status.conditions),
        looks=[
            Looked(time=e.time, samples=e.samples, score=e.worst_score, drifted=e.drifted)
            for e in status.history
        ],
        happened=[
            Moment(time=m.time, message=m.message[:LONGEST])
            for m in sorted(happened, key=lambda m: m.time)[-HAPPENED:]
        ],
        need=min((w.need for w in status.worst), default=None),
    )


def _said(conditions: Iterable[Condition]) -> list[Said]:
    return [
        Said(type=c.type, status=c.status, message=c.message[:LONGEST])
        for c in conditions
        if c.type not in ("Reconciling", "Stalled", "Reported")
    ]
