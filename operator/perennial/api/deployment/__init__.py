"""ModelDeployment: serves a model and rolls out its new versions."""

from perennial.api.deployment.analysis import (
    DEFAULT_METRICS,
    Analysis,
    AnalysisMetric,
    LatencyLimit,
    MaximumIncrease,
    NoAnalysis,
    RateLimit,
    SameAsStable,
)
from perennial.api.deployment.kind import ModelDeployment
from perennial.api.deployment.model import ArtifactRef, ArtifactSource, ModelSource
from perennial.api.deployment.pods import PodOverrides
from perennial.api.deployment.rollout import (
    DEFAULT_STEPS,
    BlueGreen,
    Canary,
    Pause,
    Rollout,
    Step,
)
from perennial.api.deployment.serving import Batching, Limits, Receipts, RequestLog, Serving
from perennial.api.deployment.spec import DeploymentSpec
from perennial.api.deployment.status import (
    ROLES,
    Address,
    AnalysisStatus,
    DeploymentStatus,
    MetricStatus,
    Outcome,
    Printed,
    Rejection,
    RequestLogLocation,
    Revision,
    Role,
    Share,
    SignatureStatus,
    StepStatus,
)

__all__ = [
    "DEFAULT_METRICS",
    "DEFAULT_STEPS",
    "ROLES",
    "Address",
    "Analysis",
    "AnalysisMetric",
    "AnalysisStatus",
    "ArtifactRef",
    "ArtifactSource",
    "Batching",
    "BlueGreen",
    "Canary",
    "DeploymentSpec",
    "DeploymentStatus",
    "LatencyLimit",
    "Limits",
    "MaximumIncrease",
    "MetricStatus",
    "ModelDeployment",
    "ModelSource",
    "NoAnalysis",
    "Outcome",
    "Pause",
    "PodOverrides",
    "Printed",
    "RateLimit",
    "Receipts",
    "Rejection",
    "RequestLog",
    "RequestLogLocation",
    "Revision",
    "Role",
    "Rollout",
    "SameAsStable",
    "Serving",
    "Share",
    "SignatureStatus",
    "Step",
    "StepStatus",
]
