"""What happened while the shop was played, as a picture is drawn from it."""

import json
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Counted:
    """What the traffic had counted at a time."""

    time: float
    """Seconds since 1970."""
    versions: dict[str, tuple[int, int]]
    """Of each version how many requests it answered, and how many rewards it earned."""
    failed: int
    why: str = ""
    """Of the last request that failed."""

    @classmethod
    def read(cls, line: str) -> "Counted":
        """Return what a line of the traffic says."""
        found = json.loads(line)
        versions = {name: (int(n), int(r)) for name, (n, r) in found["versions"].items()}
        return cls(found["time"], versions, found["failed"], found["why"])


@dataclass(frozen=True)
class Look:
    """How likely each arm of the experiment was the best at a time."""

    time: float
    best: dict[str, float]


@dataclass(frozen=True)
class Note:
    """Something that happened, in a few words."""

    time: float
    words: str


@dataclass
class Diary:
    """What the traffic counted, second by second, and what was seen meanwhile."""

    counted: list[Counted] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, words: str) -> None:
        """Keep what happens now."""
        self.notes.append(Note(time.time(), words))

    def look(self, status: dict[str, Any]) -> None:
        """Keep what the status of a ModelDeployment says of its experiment, while it runs."""
        known = status.get("experiment", {})
        best = {
            arm["name"]: arm["probabilityBest"]
            for arm in known.get("arms", [])
            if arm.get("probabilityBest") is not None
        }
        if best:
            self.looks.append(Look(time.time(), best))
