"""Windows of serving pods: which are to be asked for, and what came of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from perennial.api.values import Json
from perennial_artifact.outcomes import VERSION_LENGTH, Outcomes, add_outcomes
from perennial_artifact.windows import Part, Window

REVISION_LABEL = "perennial.dev/revision"
PODS_ASKED = 64
"""Ready pods of a revision that are asked; of a larger one these speak for the others."""
SKEW_SECONDS = 5.0
"""By how much a pod's clock may differ from ours."""
CLOSED_SECONDS = 0.5
"""How long ago a window ended that is asked for, so that most clocks have passed its end."""


@dataclass(frozen=True)
class Question:
    """What one pod counted in ``[start, end)``, in seconds since 1970."""

    pod: str
    revision: str
    address: str
    start: int
    end: int
    step: int
    """Both are multiples of it; where the pod's clock is behind, the end may be an earlier one."""
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Heard:
    """What came of a question; a pod that gave no window says why in ``why``."""

    pod: str
    revision: str
    window: Window | None = None
    why: str = ""
    skew: float = 0.0
    """Seconds by which the pod's clock is ahead of ours, as far as it is known."""

    @property
    def is_skewed(self) -> bool:
        """Tell whether the pod's clock is so wrong that its times cannot be compared."""
        return abs(self.skew) > SKEW_SECONDS


@dataclass(frozen=True)
class Arrived:
    """What became known of predictions: whichever pods it came to, of whatever revision."""

    outcomes: tuple[Outcomes, ...]
    lacking: tuple[str, ...]
    """Ready pods that told nothing of it: they are silent, or count no outcomes."""

    def of(self, sha256: str) -> Outcomes | None:
        """Return the outcomes of the version with this manifest, None where none are known."""
        short = sha256[:VERSION_LENGTH]
        return next((found for found in self.outcomes if found.version == short), None)


@dataclass(frozen=True)
class Answers:
    """What the pods of some revisions answered."""

    asked: Mapping[str, tuple[str, ...]]
    """Names of the ready pods that were asked, by revision. Others may have answered too."""
    until: int
    """The end of the windows that were asked for."""
    heard: tuple[Heard, ...]

    def of(self, revision: str) -> list[Window]:
        """Return what a revision's pods counted, but for those whose clocks are wrong."""
        found = [h for h in self.heard if h.revision == revision and not h.is_skewed]
        return [h.window for h in found if h.window is not None]

    def arrived(self) -> Arrived:
        """Return what became known at all pods together.

        A pod that lacks it has not counted zero: what came to it is unknown.
        """
        told = {
            h.pod: h.window.outcomes
            for h in self.heard
            if h.window is not None and h.window.outcomes is not None and not h.is_skewed
        }
        ready = (name for names in self.asked.values() for name in names)
        found = add_outcomes(told.values())
        return Arrived(tuple(found), tuple(sorted(name for name in ready if name not in told)))

    def silent(self, revision: str) -> list[str]:
        """Return the ready pods of a revision that did not answer."""
        found = {h.pod for h in self.heard if h.window is not None or h.is_skewed}
        return [name for name in self.asked.get(revision, ()) if name not in found]

    def skewed(self, *revisions: str) -> list[Heard]:
        """Return the pods of revisions whose clocks are wrong: the cluster's fault, no model's."""
        return [h for h in self.heard if h.revision in revisions and h.is_skewed]

    def told_until(self, revision: str) -> dict[str, int]:
        """Return up to when the ready pods of a revision have told what they counted."""
        ends = {h.pod: h.window.end for h in self.heard if h.window and not h.is_skewed}
        return {name: ends.get(name, 0) for name in self.asked.get(revision, ())}


@dataclass(frozen=True)
class Asked:
    """Questions about one time to the pods of some revisions."""

    ready: Mapping[str, tuple[str, ...]]
    """Names of the ready pods, which are to answer, by revision."""
    until: int
    questions: tuple[Question, ...]

    def answers(self, heard: Iterable[Heard]) -> Answers:
        """Return what came of the questions."""
        return Answers(self.ready, self.until, tuple(heard))


def revision_of(pod: Json) -> str:
    """Return the revision that a pod serves."""
    return str(pod["metadata"].get("labels", {}).get(REVISION_LABEL, ""))


def is_ready(pod: Json) -> bool:
    """Tell whether a pod is ready, has an address and is not about to go."""
    conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", [])}
    gone = pod["metadata"].get("deletionTimestamp")
    return address_of(pod) != "" and conditions.get("Ready") == "True" and not gone


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """Return the ready pods of a revision that are to answer: the same ones while they live."""
    return tuple(sorted(names, key=lambda n: hashlib.sha256(n.encode()).digest())[:PODS_ASKED])


def ask(
    pods: Sequence[Json],
    revisions: Sequence[str],
    start: int,
    end: int,
    step: int,
    parts: tuple[Part, ...],
) -> Asked:
    """Return what is to be asked of the ready pods, and of those that were until a moment ago.

    A pod that ends, or is not ready for a while, may have counted what nobody has read.
    """
    ready, found = {}, []
    for revision in revisions:
        ours = [p for p in pods if revision_of(p) == revision and _can_answer(p)]
        names = {r: chosen(name_of(p) for p in ours if is_ready(p) == r) for r in (True, False)}
        ready[revision] = names[True]
        found += [
            Question(name_of(p), revision, address_of(p), start, end, step, parts)
            for p in ours
            if name_of(p) in names[is_ready(p)]
        ]
    return Asked(ready, end, tuple(found))


def _can_answer(pod: Json) -> bool:
    return address_of(pod) != "" and pod["status"].get("phase", "Running") == "Running"


def name_of(pod: Json) -> str:
    """Return a pod's name."""
    return str(pod["metadata"]["name"])


def address_of(pod: Json) -> str:
    """Return the address that a pod can be asked at, '' where it has none yet."""
    return str(pod.get("status", {}).get("podIP") or "")
