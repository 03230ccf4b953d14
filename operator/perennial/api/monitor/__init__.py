"""DriftMonitor: watches the live traffic of a ModelDeployment."""

from perennial.api.monitor.actions import Actions, NotifyAction, RetrainAction, RollbackAction
from perennial.api.monitor.behaviour import (
    HOURS_KEPT,
    RESIDUALS_KEPT,
    Behaviour,
    BehaviourStatus,
    Volume,
)
from perennial.api.monitor.drift import DriftTest, FeatureName
from perennial.api.monitor.estimated import EstimatedPerformance, EstimatedStatus
from perennial.api.monitor.kind import DriftMonitor
from perennial.api.monitor.mix import (
    DAY_HOURS,
    MOVED_KEPT,
    NAMES_KEPT,
    WEEK_HOURS,
    Mix,
    MixKind,
    MixShare,
    MixStatus,
    MixTest,
)
from perennial.api.monitor.performance import AlertRate, Performance, PerformanceMetric
from perennial.api.monitor.performance_status import (
    COHORTS_KEPT,
    DELAYS_KEPT,
    Cohort,
    Delay,
    PerformanceMetricStatus,
    PerformanceStatus,
    SliceStatus,
)
from perennial.api.monitor.quality import Quality, QualityLimit
from perennial.api.monitor.reference import Reference, SameHours
from perennial.api.monitor.report import EqualRowsStatus, Report, ReportStatus
from perennial.api.monitor.spec import MonitorSpec
from perennial.api.monitor.status import (
    USUAL_KEPT,
    BeforeStatus,
    Evaluation,
    FeatureScore,
    LastAction,
    MonitorStatus,
    NotificationStatus,
    QualityBreach,
    ReferenceStatus,
    RollbackStatus,
    UsualScore,
    WindowStatus,
)

__all__ = [
    "COHORTS_KEPT",
    "DAY_HOURS",
    "DELAYS_KEPT",
    "HOURS_KEPT",
    "MOVED_KEPT",
    "NAMES_KEPT",
    "RESIDUALS_KEPT",
    "USUAL_KEPT",
    "WEEK_HOURS",
    "Actions",
    "AlertRate",
    "BeforeStatus",
    "Behaviour",
    "BehaviourStatus",
    "Cohort",
    "Delay",
    "DriftMonitor",
    "DriftTest",
    "EqualRowsStatus",
    "EstimatedPerformance",
    "EstimatedStatus",
    "Evaluation",
    "FeatureName",
    "FeatureScore",
    "LastAction",
    "Mix",
    "MixKind",
    "MixShare",
    "MixStatus",
    "MixTest",
    "MonitorSpec",
    "MonitorStatus",
    "NotificationStatus",
    "NotifyAction",
    "Performance",
    "PerformanceMetric",
    "PerformanceMetricStatus",
    "PerformanceStatus",
    "Quality",
    "QualityBreach",
    "QualityLimit",
    "Reference",
    "ReferenceStatus",
    "Report",
    "ReportStatus",
    "RetrainAction",
    "RollbackAction",
    "RollbackStatus",
    "SameHours",
    "SliceStatus",
    "UsualScore",
    "Volume",
    "WindowStatus",
]
