"""What is served, where a rollout stands, and what was measured."""

from perennial.api.deployment.status.analysis import (
    AnalysisStatus,
    MeasurementStatus,
    MetricStatus,
    Outcome,
    PartStatus,
)
from perennial.api.deployment.status.decision import Decided
from perennial.api.deployment.status.experiment import (
    STABLE,
    ArmStatus,
    ExperimentStatus,
    PromotedModel,
)
from perennial.api.deployment.status.revision import (
    Rejection,
    RequestLogLocation,
    Revision,
    Role,
    Share,
)
from perennial.api.deployment.status.rollout import (
    BeforeTrafficStatus,
    RolloutStatus,
    SignatureStatus,
    StepStatus,
)
from perennial.api.deployment.status.status import ROLES, Address, DeploymentStatus, Printed

__all__ = [
    "ROLES",
    "STABLE",
    "Address",
    "AnalysisStatus",
    "ArmStatus",
    "BeforeTrafficStatus",
    "Decided",
    "DeploymentStatus",
    "ExperimentStatus",
    "MeasurementStatus",
    "MetricStatus",
    "Outcome",
    "PartStatus",
    "Printed",
    "PromotedModel",
    "Rejection",
    "RequestLogLocation",
    "Revision",
    "Role",
    "RolloutStatus",
    "Share",
    "SignatureStatus",
    "StepStatus",
]
