"""ModelVersion: the immutable record of one trained, proven model."""

from perennial.api.version.kind import ModelVersion
from perennial.api.version.records import Artifact, DatasetRecord, Metric, Signature, Tensor
from perennial.api.version.spec import Imported, Source, VersionSpec
from perennial.api.version.status import DeployedBy, Ended, Outcome, PrintedVersion, VersionStatus

__all__ = [
    "Artifact",
    "DatasetRecord",
    "DeployedBy",
    "Ended",
    "Imported",
    "Metric",
    "ModelVersion",
    "Outcome",
    "PrintedVersion",
    "Signature",
    "Source",
    "Tensor",
    "VersionSpec",
    "VersionStatus",
]
