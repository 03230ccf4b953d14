"""The kind DriftMonitor."""

from typing import ClassVar

from pydantic import Field

from perennial.api.common import AGE, Column, Kind
from perennial.api.monitor.spec import MonitorSpec
from perennial.api.monitor.status import MonitorStatus
from perennial.api.values import Json, rule


class DriftMonitor(Kind):
    """Watches the live traffic of a ModelDeployment and asks for retraining when it drifts."""

    PLURAL: ClassVar[str] = "driftmonitors"
    SHORT: ClassVar[str] = "dm"
    SELECTABLE: ClassVar[tuple[str, ...]] = (".spec.deploymentRef.name",)
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Drifted", json_path='.status.conditions[?(@.type=="Drifted")].status'),
        Column(name="Worst", json_path=".status.worst[0].feature"),
        Column(name="Score", json_path=".status.worst[0].score", type="number"),
        Column(
            name="Performance",
            json_path='.status.conditions[?(@.type=="PerformanceKept")].status',
        ),
        Column(name="Samples", json_path=".status.window.samples", type="integer"),
        Column(name="Checked", json_path=".status.checkedTime", type="date"),
        Column(name="Reason", json_path='.status.conditions[?(@.type=="Drifted")].reason'),
        AGE,
        Column(
            name="Message", json_path='.status.conditions[?(@.type=="Drifted")].message', priority=1
        ),
    )

    RULES: ClassVar[tuple[Json, ...]] = (
        rule(
            "!has(self.spec.report) || (size(self.metadata.name) <= 45 && "
            "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'))",
            "with spec.report the name must be a DNS label of at most 45 characters: the names of "
            "its Jobs' pods begin with it",
        ),
    )

    spec: MonitorSpec = Field(
        description="Which traffic is watched, by which tests, and what is done about drift."
    )
    status: MonitorStatus = Field(
        MonitorStatus(), description="The newest verdict, and what was done about it."
    )
