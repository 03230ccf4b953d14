"""The four kinds of ``perennial.dev/v1alpha1``, the single source of truth for ``crds/``."""

from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.api.version import ModelVersion

GROUP = "perennial.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

KINDS = (ModelTraining, ModelVersion, ModelDeployment, DriftMonitor)

__all__ = [
    "API_VERSION",
    "GROUP",
    "KINDS",
    "VERSION",
    "DriftMonitor",
    "ModelDeployment",
    "ModelTraining",
    "ModelVersion",
]
