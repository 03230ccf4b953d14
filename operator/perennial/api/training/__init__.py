"""ModelTraining: keeps a model trained."""

from perennial.api.training.candidates import Candidate, Search, SearchSpace
from perennial.api.training.dataset import Checks, Dataset, DeclaredColumn, Feedback, Split
from perennial.api.training.gates import AgainstChampion, Gate, Objective
from perennial.api.training.kind import ModelTraining
from perennial.api.training.runs import JobOptions, Schedule
from perennial.api.training.spec import TrainingSpec
from perennial.api.training.status import (
    CandidateStatus,
    Champion,
    DatasetNotes,
    LastRun,
    Note,
    Pending,
    PrintedTraining,
    RunStatus,
    TrainingStatus,
    TriggerKind,
)

__all__ = [
    "AgainstChampion",
    "Candidate",
    "CandidateStatus",
    "Champion",
    "Checks",
    "Dataset",
    "DatasetNotes",
    "DeclaredColumn",
    "Feedback",
    "Gate",
    "JobOptions",
    "LastRun",
    "ModelTraining",
    "Note",
    "Objective",
    "Pending",
    "PrintedTraining",
    "RunStatus",
    "Schedule",
    "Search",
    "SearchSpace",
    "Split",
    "TrainingSpec",
    "TrainingStatus",
    "TriggerKind",
]
