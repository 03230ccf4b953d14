"""What a decision about a DriftMonitor depends on."""

from dataclasses import dataclass, field
from datetime import datetime

from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.api.values import Json
from perennial.api.version import ModelVersion
from perennial.plan.core import Finding, Settings
from perennial.plan.core.questions import Answers
from perennial.plan.monitoring.counted import common_profile, fits, only_columns
from perennial.plan.monitoring.sliced import Sliced, sliced
from perennial_artifact.profile import Profile
from perennial_artifact.usage import Usage, add_usage
from perennial_artifact.windows import Window


@dataclass(frozen=True)
class Used:
    """Who asked stable's pods in ``[start, end)``, in seconds since 1970, and what they refused."""

    start: int
    end: int
    usage: Usage


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
    earlier: ModelVersion | None = None
    """The version that served before, where a rollback may be asked for."""
    newest: Answers | None = None
    """What the pods counted in the newest quarter of the window."""
    slices: tuple[Answers, ...] | None = None
    """And in each slice of the window, the oldest first; None where that is not known to
    matter, and so was not asked."""
    jobs: tuple[Json, ...] = ()
    """Jobs of reports: those with the monitor's label, and the one of the next one's name."""
    pods: tuple[Json, ...] = ()
    """Pods with the same label."""

    def refuted(self, version: str) -> bool:
        """Tell whether live traffic is known to have refuted the version that served before."""
        earlier = self.earlier
        return earlier is not None and earlier.metadata.name == version and bool(earlier.refuted)

    @property
    def windows(self) -> list[Window]:
        """Return what the pods counted of features and predictions on their profile."""
        return list(self._told.values())

    @property
    def newest_windows(self) -> list[Window]:
        """Return the same of the newest quarter; nothing where a pod does not tell it."""
        whole, found = self._told, self._counted(self.newest)
        return [found[pod] for pod in whole] if found.keys() >= whole.keys() else []

    @property
    def sliced(self) -> Sliced | None:
        """Return the slices that can be compared; None where too few were told."""
        return sliced([self._counted(answers) for answers in self.slices or ()], self._told)

    @property
    def _told(self) -> dict[str, Window]:
        return self._counted(self.answers)

    def _counted(self, answers: Answers | None) -> dict[str, Window]:
        """Return what each pod counted; what one counted on anything else is no answer.

        Whatever else a pod told, as an older one may, is left out: so all can be added up.
        """
        received = answers.received if answers is not None else ()
        of_window = self.answers.received if self.answers is not None else ()
        digest = common_profile(h.window for h in of_window)
        found = {h.pod: h.window for h in received if h.window is not None and h.window.features}
        return {
            pod: only_columns(window)
            for pod, window in found.items()
            if window.profile == digest and (self.profile is None or fits(self.profile, window))
        }

    @property
    def stable_windows(self) -> list[Window]:
        """Return what stable's pods answered, whatever they counted on."""
        stable = self.deployment.status.stable if self.deployment is not None else None
        if self.answers is None or stable is None:
            return []
        return self.answers.of(stable.revision)

    @property
    def used(self) -> Used | None:
        """Return who asked them and what they refused; None where one of them does not tell."""
        windows = self.stable_windows
        told = [w.usage for w in windows if w.usage is not None]
        if not told or len(told) < len(windows):
            return None
        start, end = min(w.start for w in windows), max(w.end for w in windows)
        return Used(start, end, add_usage(told))

    @property
    def asked(self) -> int:
        """Return how many ready pods were asked."""
        return sum(map(len, self.answers.asked.values())) if self.answers is not None else 0

    @property
    def silent(self) -> int:
        """Return how many of them told nothing at all."""
        answers = self.answers
        return sum(len(answers.silent(r)) for r in answers.asked) if answers is not None else 0

    @property
    def answered(self) -> int:
        """Return how many of them gave a window."""
        if self.answers is None:
            return 0
        ready = {name for names in self.answers.asked.values() for name in names}
        return len(ready & self._told.keys())

    def unheard(self, told: int) -> Finding | None:
        """Return why nothing is called well where so many ready pods told: fewer than half.

        What they show that is wrong is so all the same.
        """
        if 2 * told >= self.asked:
            return None
        message = f"only {told} of {self.asked} ready pods told what they counted: half of them "
        message += "must, so that all can be called well; look at those that do not answer"
        return Finding("AnsweredInPart", message)
