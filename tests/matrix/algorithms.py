"""Which algorithms there are: those that the trainer takes as they stand."""

from perennial_training.fit import _known


def algorithms(task: str) -> list[str]:
    """Return the names, in order."""
    return sorted(_known("classifier" if task == "Classification" else "regressor"))
