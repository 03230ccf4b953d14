"""Why something is not as it should be, and whose fault that is."""

from dataclasses import dataclass
from typing import Literal

Blame = Literal["Model", "Cluster", "Store", "User"]


@dataclass(frozen=True)
class Finding:
    """A reason for programs, a sentence that says what to do, and whose fault it is.

    Only the model's faults reject a version; what a user wrote is corrected by the user; the rest
    is waited for.
    """

    reason: str
    message: str = ""
    blame: Blame = "User"
    final: bool = False
    """Waiting cannot help."""
