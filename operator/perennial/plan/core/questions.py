"""Windows of serving pods: which are to be asked for, and what came of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from perennial.api.values import Json
from perennial_artifact.outcomes import VERSION_LENGTH, Outcomes, add_outcomes
from perennial_artifact.windows import Part, Window

REVISION_LABEL = "perennial.dev/revision"
PODS_ASKED = 64
"""Ready pods of a revision that are asked; of a larger one these speak for the others."""
SKEW_SECONDS = 5.0
"""By how much a pod's clock may differ from ours."""
CLOSED_SECONDS = 0.25
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
class Answer:
    """What came of a question; a pod that gave no window says its ``problem``."""

    pod: str
    revision: str
    window: Window | None = None
    problem: str = ""
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
    received: tuple[Answer, ...]
    ready: Mapping[str, int] = field(default_factory=dict)
    """How many pods of each revision were ready; absent where all of them were asked."""

    def portion(self, revision: str) -> float:
        """Return the share of a revision's ready pods that were asked."""
        asked = len(self.asked.get(revision, ()))
        ready = self.ready.get(revision, asked)
        return asked / ready if asked and ready else 1.0

    def of(self, revision: str) -> list[Window]:
        """Return what a revision's pods counted, but for those whose clocks are wrong."""
        found = [a for a in self.received if a.revision == revision and not a.is_skewed]
        return [a.window for a in found if a.window is not None]

    def arrived(self) -> Arrived:
        """Return what became known at all pods together.

        A pod that lacks it has not counted zero: what came to it is unknown.
        """
        message = {
            h.pod: h.window.outcomes
            for h in self.received
            if h.window is not None and h.window.outcomes is not None and not h.is_skewed
        }
        ready = (name for names in self.asked.values() for name in names)
        found = add_outcomes(message.values())
        return Arrived(tuple(found), tuple(sorted(name for name in ready if name not in message)))

    def silent(self, revision: str) -> list[str]:
        """Return the ready pods of a revision that did not answer."""
        found = {a.pod for a in self.received if a.window is not None or a.is_skewed}
        return [name for name in self.asked.get(revision, ()) if name not in found]

    def skewed(self, *revisions: str) -> list[Answer]:
        """Return the pods of revisions whose clocks are wrong: the cluster's fault, no model's."""
        return [a for a in self.received if a.revision in revisions and a.is_skewed]

    def answered_until(self, revision: str) -> dict[str, int]:
        """Return up to when the ready pods of a revision have answered what they counted."""
        ends = {a.pod: a.window.end for a in self.received if a.window and not a.is_skewed}
        return {name: ends.get(name, 0) for name in self.asked.get(revision, ())}


@dataclass(frozen=True)
class Asked:
    """Questions about one time to the pods of some revisions."""

    ready: Mapping[str, tuple[str, ...]]
    """Names of the ready pods, which are to answer, by revision."""
    until: int
    questions: tuple[Question, ...]
    all_ready: Mapping[str, int] = field(default_factory=dict)
    """How many there are."""

    def answers(self, received: Iterable[Answer]) -> Answers:
        """Return what came of the questions."""
        return Answers(self.ready, self.until, tuple(received), self.all_ready)


def shared_out(asked: Mapping[Part, Asked], received: Sequence[Answer]) -> dict[Part, Answers]:
    """Return what came of the questions about each part, which were asked one after the other."""
    found, left = {}, list(received)
    for part, each in asked.items():
        found[part] = each.answers(left[: len(each.questions)])
        left = left[len(each.questions) :]
    return found


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
    ready, all_ready, found = {}, {}, []
    for revision in revisions:
        ours = [p for p in pods if revision_of(p) == revision and _can_answer(p)]
        names = {r: chosen(name_of(p) for p in ours if is_ready(p) == r) for r in (True, False)}
        ready[revision] = names[True]
        all_ready[revision] = sum(map(is_ready, ours))
        found += [
            Question(name_of(p), revision, address_of(p), start, end, step, parts)
            for p in ours
            if name_of(p) in names[is_ready(p)]
        ]
    return Asked(ready, end, tuple(found), all_ready)


def _can_answer(pod: Json) -> bool:
    return address_of(pod) != "" and pod["status"].get("phase", "Running") == "Running"


def name_of(pod: Json) -> str:
    """Return a pod's name."""
    return str(pod["metadata"]["name"])


def address_of(pod: Json) -> str:
    """Return the address that a pod can be asked at, '' where it has none yet."""
    return str(pod.get("status", {}).get("podIP") or "")
