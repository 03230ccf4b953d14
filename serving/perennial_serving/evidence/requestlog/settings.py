"""What a request log is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LogSettings:
    """What is logged of requests, and where to.

    ``sample`` is the fraction of the requests, from 0 to 1; ``features`` are the inputs that may
    leave; ``maximum_bytes`` bound what waits in ``directory``.
    """

    directory: Path
    sample: float
    features: frozenset[str]
    maximum_bytes: int
