"""A year under the monitor of monitor.yaml, without a cluster: the operator's own decisions.

What a report's Job would count of the request log is counted here, plan_monitor judges it and asks
for retrainings, and what is shipped is judged as on a cluster; the days that it takes are played.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from fraud.data import DAY, MONTH, SETTLED_DAYS, START, training_rows
from fraud.inputs import counted, reference
from fraud.news import News, State, news, state_of
from fraud.policies import LIVE, TRAINED_DAYS, Policy, live_rows, scored
from fraud.trained import Learned, learned, shipped, training
from perennial.api import DriftMonitor, ModelDeployment, ModelTraining
from perennial.api.monitor import MonitorStatus, ReportStatus
from perennial.api.training import LastRun
from perennial.api.values import seconds
from perennial.plan.core.questions import Answer, Answers
from perennial.plan.monitoring import MonitorSnapshot, plan_monitor
from perennial.plan.monitoring.cohorts import width
from perennial.plan.monitoring.logged import known_from
from perennial.plan.training.honest import Judged
from perennial_artifact.outcomes import VERSION_LENGTH
from perennial_artifact.profile import Profile
from perennial_artifact.report import CohortCounts, ReportResult

SHIPPING_DAYS = 2
"""From the question for a retraining until the new version answers."""


@dataclass
class _Version:
    learned: Learned
    number: int
    since: float
    """The day from which on it answers."""
    inputs: Profile
    """How they were where it learned from."""

    @property
    def sha256(self) -> str:
        return f"{self.number:064x}"[::-1]


@dataclass
class _Live:
    """The payments that were asked about so far."""

    rows: pd.DataFrame
    day: np.ndarray
    known_day: np.ndarray
    score: np.ndarray
    version: np.ndarray

    def report(self, version: _Version, at: float, span: int) -> ReportResult:
        """Return what a report's Job counts of a version's predictions up to a day."""
        own = (self.version == version.number) & (self.day < at)
        day, known, alert = self.day[own], self.known_day[own], self.score[own] >= 0.5
        is_fraud = known <= at
        is_known = is_fraud | (day <= at - SETTLED_DAYS)
        place = ((START.timestamp() + day * DAY) // span).astype(int)
        cohorts = []
        for one in np.unique(place)[-96:]:
            here = place == one
            fraud, alerts, told = is_fraud[here], alert[here], is_known[here]
            counts = [
                here.sum(), alerts.sum(), 0,
                (alerts & told).sum(), (alerts & told & ~fraud).sum(), 0,
                fraud.sum(), (fraud & ~alerts).sum(), 0,
            ]  # fmt: skip
            numbers = [float(n) for n in counts]
            cohorts.append(CohortCounts(int(one), int(here.sum()), int(told.sum()), 0, numbers))
        return ReportResult(
            number=1,
            version=version.sha256,
            until=int(START.timestamp() + at * DAY),
            predictions=int(own.sum()),
            cohort_seconds=span,
            maturity_seconds=int(SETTLED_DAYS * DAY),
            cohorts=cohorts,
            past=[0, 0, 0],
        )


def by_perennial(rows: pd.DataFrame, months: range = LIVE) -> tuple[Policy, list[News]]:
    """Retrain when the monitor asks for it; return what came of it, and what happened when."""
    live = live_rows(rows, months)
    known_day = ((live["known"] - START) / pd.Timedelta(days=1)).to_numpy()
    day = live["day"].to_numpy()
    state = _Live(live, day, known_day, np.zeros(len(live)), np.zeros(len(live), int))
    monitor = DriftMonitor.read(
        yaml.safe_load((Path(__file__).parent / "monitor.yaml").read_text())
    )
    first = months.start * MONTH
    known = training_rows(rows, START + pd.Timedelta(days=first), TRAINED_DAYS)
    version = _Version(learned("fraud-1", known), 1, first, reference(known))
    _answer(state, version)
    assert monitor.spec.performance is not None and monitor.spec.report is not None
    every = seconds(monitor.spec.report.every) / DAY
    trained, run, happened, before = training(), 0, list[News](), State()
    for at in np.arange(first + every, months.stop * MONTH, every):
        now = (START + pd.Timedelta(days=at)).to_pydatetime()
        monitor = _looked(monitor, trained, version, state, at, now)
        after = state_of([{"kind": "DriftMonitor", "status": monitor.status.to_json()}])
        happened += news(before, after, at)
        if after.retrainings > before.retrainings:
            run += 1
            candidate, judged = _retrained(rows, version, at)
            trained = _after(run, now, judged)
            if judged.outcome != "Promoted":
                happened.append(News(at, "nothing", f"{judged.outcome}: {judged.message}"))
            else:
                version = candidate
                _answer(state, version)
                text = f"{version.learned.name}; {judged.message}"
                happened.append(News(version.since, "promotion", text))
        before = after
    return Policy("by Perennial", state.score, version.number - 1), happened


def _answer(state: _Live, version: _Version) -> None:
    """Let a version answer from its day on."""
    answers = state.day >= version.since
    state.score[answers] = scored(version.learned.model, state.rows[answers])
    state.version[answers] = version.number


def _retrained(rows: pd.DataFrame, version: _Version, at: float) -> tuple[_Version, Judged]:
    """Return what a run of a day makes of the rows that are known, and whether it is shipped."""
    known = training_rows(rows[rows["day"] < at], START + pd.Timedelta(days=at), TRAINED_DAYS)
    number = version.number + 1
    candidate = learned(f"fraud-{number}", known)
    judged = shipped(known, version.learned, candidate)
    return _Version(candidate, number, at + SHIPPING_DAYS, reference(known)), judged


def _looked(
    monitor: DriftMonitor,
    trained: ModelTraining,
    version: _Version,
    state: _Live,
    at: float,
    now: datetime,
) -> DriftMonitor:
    """Return the monitor after a look at a report that has just come."""
    asked = monitor.spec.performance
    assert asked is not None
    result = state.report(version, at, width(asked))
    found = known_from(asked, monitor.status.performance, version.sha256[:VERSION_LENGTH], result)
    report = ReportStatus(
        number=1, generation=monitor.metadata.generation, start_time=now, finish_time=now,
        published=1,
    )  # fmt: skip
    told = monitor.status.model_copy(update={"performance": found, "report": report})
    monitor = monitor.model_copy(update={"status": told})
    end, span = int(now.timestamp()), int(seconds(monitor.spec.window))
    newest = state.rows[(state.day < at) & (state.day >= at - span / DAY)]
    window = counted(version.inputs, newest, end, span)
    answers = Answers({"r": ("pod",)}, end, (Answer("pod", "r", window),))
    deployment = _deployment(version, now)
    plan = plan_monitor(MonitorSnapshot(monitor, now, deployment, trained, answers, version.inputs))
    assert isinstance(plan.status, MonitorStatus)
    return monitor.model_copy(update={"status": plan.status})


def _deployment(version: _Version, now: datetime) -> ModelDeployment:
    stable = {
        "version": version.learned.name,
        "artifact": {"uri": "s3://models/", "sha256": version.sha256},
        "revision": f"r{version.number}",
        "readyReplicas": 1,
        "role": "Stable",
        "startTime": now,
        "requestLog": {"uri": "s3://models/logs/fraud/fraud", "secret": ""},
    }
    spec = {"model": {"trainingRef": {"name": "fraud"}}, "serving": {"requestLog": {}}}
    return ModelDeployment.read(
        {
            "metadata": {"name": "fraud", "namespace": "fraud", "generation": 1},
            "spec": spec,
            "status": {"revisions": [stable], "observedGeneration": 1},
        }
    )


def _after(number: int, start: datetime, judged: Judged) -> ModelTraining:
    """Return the training whose run has ended."""
    last = LastRun(
        number=number, trigger="Drift", outcome=judged.outcome, better=judged.better,
        message=judged.message, start_time=start, finish_time=start,
    )  # fmt: skip
    status = training().status.model_copy(update={"last_run": last})
    return training().model_copy(update={"status": status})
