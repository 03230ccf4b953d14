"""Which algorithms there are: those that the trainer takes as they stand."""

from perennial_training.fit.algorithms import usable


def algorithms(task: str) -> list[str]:
    """Return the names, in order."""
    return usable(task)
