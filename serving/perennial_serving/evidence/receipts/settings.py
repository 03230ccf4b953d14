"""What receipts are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

LARGEST = 1e30
"""A number beyond it is no score, label or reward: the fourth power of an error is added up."""


class Reward(NamedTuple):
    """Between what rewards lie."""

    minimum: float = -LARGEST
    maximum: float = LARGEST


ANY_REWARD = Reward()


@dataclass(frozen=True)
class ReceiptSettings:
    """Where the keys are, what rewards there are, and where duplicates are remembered.

    ``duplicates`` is a file descriptor that the processes of a pod share, None where it has one.
    """

    directory: Path
    reward: Reward = ANY_REWARD
    duplicates: int | None = None
