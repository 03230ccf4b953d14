"""Several models on live traffic for a time: which, how much each gets, and when it ends."""

from perennial.api.deployment.experiment.allocation import (
    Allocation,
    ArmShare,
    Fixed,
    ThompsonSampling,
)
from perennial.api.deployment.experiment.experiment import Experiment, Outcomes, Stop, Variant

__all__ = [
    "Allocation",
    "ArmShare",
    "Experiment",
    "Fixed",
    "Outcomes",
    "Stop",
    "ThompsonSampling",
    "Variant",
]
