"""What is served, where a rollout stands, and what was measured."""

from perennial.api.deployment.status.analysis import AnalysisStatus, MetricStatus, Outcome
from perennial.api.deployment.status.revision import LogPlace, Rejection, Revision, Role, Share
from perennial.api.deployment.status.rollout import RolloutStatus, SignatureStatus, StepStatus
from perennial.api.deployment.status.status import ROLES, Address, DeploymentStatus, Printed

__all__ = [
    "ROLES",
    "Address",
    "AnalysisStatus",
    "DeploymentStatus",
    "LogPlace",
    "MetricStatus",
    "Outcome",
    "Printed",
    "Rejection",
    "Revision",
    "Role",
    "RolloutStatus",
    "Share",
    "SignatureStatus",
    "StepStatus",
]
