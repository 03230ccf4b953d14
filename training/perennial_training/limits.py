"""What a served model cannot have, told before the fit."""

from __future__ import annotations

from collections.abc import Sequence

from perennial_artifact.manifest import Column
from perennial_training.failure import TrainingFailure

MAXIMUM_INPUTS = 512
MAXIMUM_NAME = 253
OUTPUTS = {"Classification": ("label", "probabilities"), "Regression": ("prediction",)}


def check_inputs(columns: Sequence[Column], task: str) -> None:
    """Check that each column can be an input of a served model.

    Raises:
        TrainingFailure: there are none or too many, or a name cannot be an input's.
    """
    names = [c.name for c in columns]
    if not names:
        raise TrainingFailure("DatasetInvalid", "there is no column to learn from")
    if len(names) > MAXIMUM_INPUTS:
        raise TrainingFailure(
            "DatasetInvalid",
            f"a model has at most {MAXIMUM_INPUTS} inputs, and the dataset has {len(names)} "
            "columns to learn from: choose some in dataset.features",
        )
    for name in names:
        if name in OUTPUTS[task]:
            raise TrainingFailure(
                "DatasetInvalid",
                f"the model's output is called {name}: rename the column, or leave it out of "
                "dataset.features",
            )
        if not name or len(name) > MAXIMUM_NAME:
            raise TrainingFailure(
                "DatasetInvalid",
                f"a column's name has 1 to {MAXIMUM_NAME} characters, and {name[:32]!r} has "
                f"{len(name)}: rename the column",
            )
        if names.count(name) > 1:
            raise TrainingFailure(
                "DatasetInvalid", f"two columns are called {name}: rename one of them"
            )
