"""What a decision about a DriftMonitor depends on."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.api.values import Json
from perennial.plan.core import Settings
from perennial.plan.core.questions import Answers
from perennial.plan.monitoring.counted import common_profile, fits
from perennial_artifact.profile import Profile
from perennial_artifact.windows import Window, merge

LEAST_OF_SLICES = 0.5
"""Of the window's rows, that slices must have to say something of them."""


@dataclass(frozen=True)
class MonitorSnapshot:
    """All that a decision about a DriftMonitor depends on."""

    monitor: DriftMonitor
    now: datetime
    deployment: ModelDeployment | None = None
    training: ModelTraining | None = None
    answers: Answers | None = None
    """What the serving pods answered; None where they were not asked in this pass."""
    profile: Profile | None = None
    """What the pods count on, None where they told none."""
    settings: Settings = field(default_factory=Settings)
    sent: tuple[tuple[str, str], ...] = ()
    """What came of notifications since the last pass, by id: why one was not taken, or nothing."""
    outcomes: tuple[tuple[int, Answers], ...] = ()
    """What they answered about outcomes: pieces of time, each with its start, the oldest first."""
    requests: tuple[tuple[int, Answers], ...] = ()
    """The same about requests."""
    newest: Answers | None = None
    """What the pods counted in the newest quarter of the window."""
    slices: tuple[Answers, ...] | None = None
    """And in each slice of the window, the oldest first, of what slices may refute; None where
    nothing is, and so nobody was asked."""
    jobs: tuple[Json, ...] = ()
    """Jobs of reports: those with the monitor's label, and the one of the next one's name."""
    pods: tuple[Json, ...] = ()
    """Pods with the same label."""

    @property
    def windows(self) -> list[Window]:
        """Return what the pods counted of features and predictions on their profile."""
        return list(self._told.values())

    @property
    def newest_windows(self) -> list[Window]:
        """Return the same of the newest quarter; nothing where a pod does not tell it."""
        whole, found = self._told, self._counted(self.newest)
        return [found[pod] for pod in whole] if found.keys() >= whole.keys() else []

    @cached_property
    def slice_windows(self) -> list[Window]:
        """Return the same of each slice, of the pods that told all of them.

        Nothing where they have too few of the rows to say something of them.
        """
        whole, found = self._told, [self._counted(answers) for answers in self.slices or ()]
        pods = [pod for pod in whole if all(pod in told for told in found)]
        rows = sum(told[pod].rows for told in found for pod in pods)
        if not pods or rows < LEAST_OF_SLICES * sum(w.rows for w in whole.values()):
            return []
        return [merge(told[pod] for pod in pods) for told in found]

    @property
    def _told(self) -> dict[str, Window]:
        return self._counted(self.answers)

    def _counted(self, answers: Answers | None) -> dict[str, Window]:
        """Return what each pod counted; what one counted on anything else is no answer."""
        received = answers.received if answers is not None else ()
        of_window = self.answers.received if self.answers is not None else ()
        digest = common_profile(h.window for h in of_window)
        found = {h.pod: h.window for h in received if h.window is not None and h.window.features}
        return {
            pod: window
            for pod, window in found.items()
            if window.profile == digest and (self.profile is None or fits(self.profile, window))
        }

    @property
    def asked(self) -> int:
        """Return how many ready pods were asked."""
        return sum(map(len, self.answers.asked.values())) if self.answers is not None else 0

    @property
    def answered(self) -> int:
        """Return how many of them gave a window."""
        if self.answers is None:
            return 0
        ready = {name for names in self.answers.asked.values() for name in names}
        return len(ready & self._told.keys())
