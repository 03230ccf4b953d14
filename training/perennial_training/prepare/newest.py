"""Rows that are too old to be learned from (``dataset.newest``)."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from perennial_training.failure import TrainingFailure
from perennial_training.prepare.moments import YEAR_1990, YEAR_2100
from perennial_training.prepare.outcome import Times
from perennial_training.prepare.plain import Flags, Floats


def check_moments(column: str, times: Times, since: datetime | None) -> None:
    """Refuse to leave out what is old where a time column holds no moments.

    Raises:
        TrainingFailure: it holds numbers that are no seconds since 1970.
    """
    if since is None or times.are_moments:
        return
    middle = float(np.nanmedian(times.values))
    if not YEAR_1990 <= middle <= YEAR_2100:
        raise TrainingFailure(
            "DatasetInvalid",
            f"dataset.newest leaves out what is old, and {column}, the time column, holds numbers "
            f"such as {middle:g}, which are no seconds since 1970: declare {{name: {column}, kind: "
            "Time} in dataset.columns, or remove newest",
        )


def not_before(since: datetime, times: Floats) -> Flags:
    """Tell which rows are not from before a moment, by their seconds since 1970; NaN is before."""
    found: Flags = times >= since.timestamp()
    return found
