"""Gather what a DriftMonitor's decision depends on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from perennial.api.deployment import ModelDeployment
from perennial.api.monitor import DriftMonitor, MixStatus
from perennial.api.training import ModelTraining
from perennial.api.values import Json
from perennial.api.version import ModelVersion
from perennial.cluster import metrics
from perennial.cluster.client import Cluster
from perennial.handlers.observe.asking import Asking
from perennial.handlers.observe.sources import Sources
from perennial.plan.core import Plan
from perennial.plan.core.outside import Message
from perennial.plan.core.questions import Answers, Asked, Question
from perennial.plan.monitoring import (
    MonitorSnapshot,
    common_profile,
    given_up,
    job_looked_for,
    newest_questions,
    notification,
    outcome_questions,
    performance_patience,
    plan_monitor,
    questions,
    refutable,
    request_questions,
    slice_questions,
    thinned,
    wants_windows,
)
from perennial.plan.serving.pods import serving_pods
from perennial.sources.pods import Pods
from perennial_artifact.profile import Profile
from perennial_artifact.windows import Window

PROFILES_TRIED = 3
ASKED_AT_ONCE = 64
"""Questions about slices; a window has 24 of them, and an answer may be of a thousand features."""
SEGMENTS = "segments/"
NOTIFIED: Asking[Message, str] = Asking()


async def plan(sources: Sources, monitor: DriftMonitor) -> Plan:
    """Return what to do about a monitor."""
    cluster, now, namespace = sources.cluster, sources.now, monitor.metadata.namespace
    deployment: ModelDeployment | None = await cluster.read(
        ModelDeployment, namespace, monitor.spec.deployment_ref.name
    )
    training: ModelTraining | None = None
    answers: Answers | None = None
    newest: Answers | None = None
    ours: list[Json] = []
    profile: Profile | None = None
    outcomes: tuple[tuple[int, Answers], ...] = ()
    requests: tuple[tuple[int, Answers], ...] = ()
    if deployment is not None and deployment.spec.model.training_ref is not None:
        name = deployment.spec.model.training_ref.name
        training = await cluster.read(ModelTraining, namespace, name)
    stable = deployment.status.stable if deployment is not None else None
    if deployment is not None and stable is not None and wants_windows(monitor, deployment, now):
        selector = f"perennial.dev/deployment={deployment.metadata.name}"
        found = await cluster.select("v1", "Pod", namespace, selector)
        ours = serving_pods(deployment.metadata.name, found)
        asked = questions(monitor, stable.revision, ours, now)
        of_newest = newest_questions(monitor, stable.revision, ours, now)
        of_outcomes = outcome_questions(monitor, deployment, ours, now)
        of_requests = request_questions(monitor, deployment, ours, now)
        pieces = [asked, of_newest, *(piece for _, piece in (*of_outcomes, *of_requests))]
        told = await _ask(sources.pods, pieces)
        answers, newest = told[:2]
        outcomes = _with_starts(of_outcomes, told[2:])
        requests = _with_starts(of_requests, told[2 + len(of_outcomes) :])
        profile = await _profile(sources.pods, asked.questions, answers)
    jobs, pods = await _reports(cluster, monitor, now)
    earlier: ModelVersion | None = None
    replaced = deployment.status.replaced if deployment is not None else None
    if monitor.spec.actions.rollback is not None and replaced is not None and replaced.version:
        earlier = await cluster.read(ModelVersion, namespace, replaced.version)
    snapshot = MonitorSnapshot(
        monitor,
        now,
        deployment,
        training,
        answers,
        newest=newest,
        profile=profile,
        settings=sources.settings,
        outcomes=outcomes,
        requests=requests,
        earlier=earlier,
        jobs=tuple(jobs),
        pods=tuple(pods),
    )
    about = notification(snapshot)
    sent = NOTIFIED.look(monitor.key, [about] if about else [], sources.web.send)
    snapshot = replace(snapshot, sent=tuple((m.id, problem) for m, problem in sent))
    # Adding up and testing a thousand features takes a while, in which the event loop goes on.
    decided = await asyncio.to_thread(plan_monitor, snapshot)
    names = await asyncio.to_thread(refutable, snapshot, decided) if answers is not None else ()
    if stable is not None and profile is not None and names:
        about_slices = slice_questions(monitor, stable.revision, ours, now)
        thin = thinned(profile, names)
        slices = await _ask_in_turn(sources.pods, [piece for _, piece in about_slices], thin)
        decided = await asyncio.to_thread(plan_monitor, replace(snapshot, slices=tuple(slices)))
    export(monitor)
    return decided


async def _reports(
    cluster: Cluster, monitor: DriftMonitor, now: datetime
) -> tuple[list[Json], list[Json]]:
    """Return the Jobs and pods of reports; a Job by its name, too: it may be a foreign one."""
    if monitor.spec.report is None:
        return [], []
    namespace, selector = monitor.metadata.namespace, f"perennial.dev/monitor={monitor.key[1]}"
    jobs = await cluster.select("batch/v1", "Job", namespace, selector)
    name = job_looked_for(monitor, now)
    if name and all(j["metadata"]["name"] != name for j in jobs):
        found = await cluster.get("batch/v1", "Job", namespace, name)
        jobs += [found] if found is not None else []
    return jobs, await cluster.select("v1", "Pod", namespace, selector)


async def _ask(serving: Pods, asked: Sequence[Asked]) -> list[Answers]:
    """Return what came of several sets of questions, which are asked at once."""
    left = list(await serving.ask([q for each in asked for q in each.questions]))
    found = []
    for each in asked:
        found.append(each.answers(left[: len(each.questions)]))
        left = left[len(each.questions) :]
    return found


async def _ask_in_turn(
    serving: Pods, asked: Sequence[Asked], thin: Callable[[Window | None], Window | None]
) -> list[Answers]:
    """Return the same, asked some at a time: there are many, and each has seconds to be answered.

    Of each answer only so much is kept. Once nobody answers at all, no more is asked.
    """

    def small(several: Sequence[Answers]) -> list[Answers]:
        return [
            replace(a, received=tuple(replace(h, window=thin(h.window)) for h in a.received))
            for a in several
        ]

    found: list[Answers] = []
    at_once = max(1, ASKED_AT_ONCE // max([1, *(len(a.questions) for a in asked)]))
    for first in range(0, len(asked), at_once):
        told = await _ask(serving, asked[first : first + at_once])
        found += await asyncio.to_thread(small, told)
        if all(answer.window is None for each in told for answer in each.received):
            break
    return [*found, *(each.answers(()) for each in asked[len(found) :])]


def _with_starts(
    pieces: Sequence[tuple[int, Asked]], told: Sequence[Answers]
) -> tuple[tuple[int, Answers], ...]:
    return tuple((start, each) for (start, _), each in zip(pieces, told, strict=False))


def forget(namespace: str, name: str) -> None:
    """Send nothing more of a monitor that is gone."""
    NOTIFIED.forget(namespace, name)


async def _profile(serving: Pods, asked: tuple[Question, ...], answers: Answers) -> Profile | None:
    """Return the profile that pods counted on, of the first that gives it; a few are tried."""
    digest = common_profile(h.window for h in answers.received)
    heard = zip(asked, answers.received, strict=True)
    counted = [q for q, h in heard if digest and h.window and h.window.profile == digest]
    for question in counted[:PROFILES_TRIED]:
        found = await serving.profile(question, digest)
        if found is not None:
            return found.distinct()
    return None


def export(monitor: DriftMonitor) -> None:
    """Set the Prometheus series of the newest verdict."""
    key, status = monitor.key, monitor.status
    samples = [((), status.window.samples)] if status.window is not None else []
    metrics.DRIFT_SAMPLES.set(key, samples)
    if status.checked_time is not None:
        metrics.DRIFT_EVALUATED.set(key, [((), status.checked_time.timestamp())])
    counts = {
        "Retrain": status.retrainings,
        "Rollback": status.rollbacks,
        "Notify": status.notifications,
    }
    metrics.DRIFT_ACTIONS.set(key, [((action,), n) for action, n in counts.items()])
    failed = given_up(status.notification) if status.notification is not None else None
    metrics.NOTIFICATION_FAILED.set(key, [((), failed.timestamp())] if failed else [])
    drifted = next((c.status for c in status.conditions if c.type == "Drifted"), "Unknown")
    breached = [((), float(drifted == "True"))] if drifted != "Unknown" else []
    metrics.DRIFT_BREACHED.set(key, breached)
    worst = [((w.feature, w.effect or "PopulationStabilityIndex"), w) for w in status.worst]
    metrics.DRIFT_SCORE.set(key, [(labels, w.score) for labels, w in worst])
    metrics.DRIFT_NEED.set(key, [(labels, w.need) for labels, w in worst])
    known = status.performance.metrics if status.performance is not None else []
    told = [((m.name,), m.value) for m in known if m.value is not None]
    metrics.PERFORMANCE.set(key, told)
    patience = performance_patience(monitor.spec)
    metrics.PERFORMANCE_PATIENCE.set(key, [((), patience)] if patience is not None else [])
    found = status.estimated
    estimated = [found] if found is not None and found.value is not None else []
    metrics.ESTIMATED.set(key, [((e.metric,), e.value) for e in estimated if e.value is not None])
    metrics.ESTIMATED_REFERENCE.set(
        key, [((e.metric,), e.reference) for e in estimated if e.reference is not None]
    )
    mixes = [((_mix(m, status.mix),), m) for m in status.mix]
    metrics.MIX_SCORE.set(key, [(of, m.score) for of, m in mixes if m.score is not None])
    metrics.MIX_NEED.set(key, [(of, m.need) for of, m in mixes if m.need is not None])


def _mix(of: MixStatus, all_mixes: Sequence[MixStatus]) -> str:
    """Return what a mix is called: a feature has its name, unless another mix is called so.

    One whose name begins as such a longer one gets a longer one, too, so that no two are alike.
    """
    if not of.name:
        return of.kind.lower()
    kinds = {m.kind.lower() for m in all_mixes if not m.name}
    return f"{SEGMENTS}{of.name}" if of.name in kinds or of.name.startswith(SEGMENTS) else of.name
