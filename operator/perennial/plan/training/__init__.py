"""ModelTraining: when a run starts, what it yields, and what is kept."""

from perennial.plan.training.decision import plan_training
from perennial.plan.training.hindrance import lacks_pods
from perennial.plan.training.results import INDEX_LABEL
from perennial.plan.training.snapshot import TrainingSnapshot
from perennial.plan.training.triggers import RETRAIN

__all__ = ["INDEX_LABEL", "RETRAIN", "TrainingSnapshot", "lacks_pods", "plan_training"]
