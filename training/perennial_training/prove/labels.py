"""Labels by their text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def texts(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels by their text, as an array of str."""
    found, numbers = np.unique(labels.astype(object).astype(str), return_inverse=True)
    return found.astype(object)[numbers]


def in_order(labels: Iterable[Any]) -> list[str]:
    """Return different labels by their text, in scikit-learn's order: numbers by size."""
    different = set(labels)
    try:
        return [str(label) for label in sorted(different)]
    except TypeError:
        return sorted(str(label) for label in different)
