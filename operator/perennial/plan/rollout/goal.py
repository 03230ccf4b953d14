"""What a strategy wants, and what makes it so; neither knows anything else of the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from perennial.api.deployment import DeploymentStatus, StepStatus
from perennial.api.values import Json
from perennial.plan.core import Finding
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State


@dataclass(frozen=True)
class Arm:
    """A revision's part: its share of the traffic, in percent, and the pods that this takes."""

    revision: str
    role: str
    share: int
    pods: int
    """Where shares are made by pods, those of an arm with a part of the traffic follow from it."""
    mirror: int = 0
    """The share of requests, in percent, that it is sent a copy of; nobody gets its answers."""


@dataclass(frozen=True)
class Goal:
    """Which revisions are to have pods, stable first; their shares sum to 100."""

    arms: tuple[Arm, ...]

    @property
    def stable(self) -> str:
        """Return the revision that serves: the first to grow, and the last to shrink."""
        return self.arms[0].revision

    @property
    def answering(self) -> frozenset[str]:
        """Return the revisions that are to have requests."""
        return frozenset(arm.revision for arm in self.arms if arm.share > 0)


@dataclass(frozen=True)
class Seen:
    """How far a goal is so."""

    complete: frozenset[str] = field(default=frozenset())
    """Revisions that have all pods that the goal gives them."""
    lacking: frozenset[str] = field(default=frozenset())
    """Revisions that were given pods which are not ready."""
    routed: bool = False
    """Requests go where the goal says."""
    makes: dict[str, int] = field(default_factory=dict)
    """The shares in percent that come of it, which may be others than those asked for."""


class Traffic(Protocol):
    """Turns shares into objects, and reads back what is in force."""

    BY_PODS: bool
    """Whether shares follow from numbers of pods: then each one that comes or goes moves them."""

    def pods(self, goal: Goal, replicas: int, most: int) -> dict[str, int]:
        """Return the pods of each arm by which it has its share; ``most`` is for all of them."""

    def makes(self, goal: Goal, pods: dict[str, int]) -> dict[str, int]:
        """Return the shares in percent that so many pods of each arm make of a goal."""

    def is_known(self, s: DeploymentSnapshot) -> bool:
        """Tell whether it can be seen where requests go; until then nothing is taken away."""

    def reached(self, s: DeploymentSnapshot, goal: Goal | None = None) -> frozenset[str]:
        """Return the revisions with pods that requests reach by a goal; without one, now."""

    def capacity(
        self, s: DeploymentSnapshot, ready: Mapping[str, int], goal: Goal | None = None
    ) -> float:
        """Return how many pods' worth of requests so many ready pods of each revision answer.

        By a goal; without one as requests go now, at the worst where that is not known.
        """

    def between(
        self, s: DeploymentSnapshot, goal: Goal, leaving: frozenset[str], ready: Mapping[str, int]
    ) -> Goal:
        """Return shares on the way to a goal, as far as the pods that are ready go.

        Args:
            s: what is observed.
            goal: what is wanted, with an arm for each revision that leaves.
            leaving: the revisions that have no part in it, but requests yet.
            ready: the pods of each arm that may have requests.
        """

    def turns(self, s: DeploymentSnapshot, goal: Goal) -> bool:
        """Tell whether a goal asks for requests to go elsewhere than they are asked to now."""

    def is_set(self, s: DeploymentSnapshot, goal: Goal) -> bool:
        """Tell whether requests were seen to go where a goal says."""

    def objects(self, s: DeploymentSnapshot, goal: Goal | None) -> tuple[Json, ...]:
        """Return what sends requests where a goal says; without one, where they go now."""

    def measured(self, s: DeploymentSnapshot) -> dict[str, int]:
        """Return the shares in percent that the ready pods really have."""

    def problem(self, s: DeploymentSnapshot) -> Finding | None:
        """Return why requests do not go as they are asked to; None where nothing hinders it."""

    def notice(self, s: DeploymentSnapshot) -> Finding | None:
        """Return what of it is not heeded, though requests come; None where all of it is."""


class Strategy(Protocol):
    """Leads a revision on trial to its promotion, or back."""

    def first_step(self, s: DeploymentSnapshot) -> StepStatus:
        """Return where a trial begins."""

    def last_step(self, s: DeploymentSnapshot) -> StepStatus:
        """Return where one stands that needs no steps."""

    def next_step(self, s: DeploymentSnapshot, state: State) -> State:
        """End the present step."""

    def advance(self, s: DeploymentSnapshot, state: State, seen: Seen) -> State:
        """Look once at how far the goal is so."""

    def goal(self, s: DeploymentSnapshot, status: DeploymentStatus) -> Goal:
        """Return what is wanted where the trial stands."""
