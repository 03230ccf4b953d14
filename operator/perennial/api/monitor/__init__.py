"""DriftMonitor: watches the live traffic of a ModelDeployment."""

from perennial.api.monitor.actions import Actions, NotifyAction, RetrainAction
from perennial.api.monitor.drift import DriftTest, FeatureName
from perennial.api.monitor.kind import DriftMonitor
from perennial.api.monitor.quality import Quality, QualityLimit
from perennial.api.monitor.spec import MonitorSpec
from perennial.api.monitor.status import (
    USUAL_KEPT,
    Evaluation,
    FeatureScore,
    LastAction,
    MonitorStatus,
    NotificationStatus,
    QualityBreach,
    ReferenceStatus,
    UsualScore,
    WindowStatus,
)

__all__ = [
    "USUAL_KEPT",
    "Actions",
    "DriftMonitor",
    "DriftTest",
    "Evaluation",
    "FeatureName",
    "FeatureScore",
    "LastAction",
    "MonitorSpec",
    "MonitorStatus",
    "NotificationStatus",
    "NotifyAction",
    "Quality",
    "QualityBreach",
    "QualityLimit",
    "ReferenceStatus",
    "RetrainAction",
    "UsualScore",
    "WindowStatus",
]
