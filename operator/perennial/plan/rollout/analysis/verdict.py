"""The analysis of a canary: what its pods are asked, and what follows for its rollout."""

from collections.abc import Callable
from datetime import UTC, datetime

from perennial.api.deployment import (
    Analysis,
    AnalysisStatus,
    DeploymentStatus,
    MetricStatus,
    ModelDeployment,
    Revision,
)
from perennial.api.values import seconds
from perennial.plan.core import Event
from perennial.plan.core.outside import OutsideQuestion
from perennial.plan.core.questions import SKEW_SECONDS, Asked, ask
from perennial.plan.rollout.analysis import later, outside
from perennial.plan.rollout.analysis.evidence import compares
from perennial.plan.rollout.analysis.look import (
    EXACT_SECONDS,
    LOOK_SECONDS,
    begins,
    closed,
    look,
    pair_of,
)
from perennial.plan.rollout.analysis.measured import is_lost
from perennial.plan.rollout.analysis.outside import measured
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, is_undone, reject, with_decision
from perennial_artifact.windows import Part
from perennial_statistics.verdict import Decision, Verdict, decide

UNREACHABLE = "Unreachable"
UNREACHABLE_SECONDS = 30.0
"""How long a ready pod of the canary may not answer its metrics port."""


Fail = Callable[[DeploymentSnapshot, State, str, str], State]
"""Returns the state after what is judged has failed, for a reason and with a message."""


def wants_metrics(s: DeploymentSnapshot) -> bool:
    """Tell whether this pass needs what the pods counted: whenever there is a version to judge."""
    pair = judged_pair(s.deployment, s.status)
    return pair is not None and _begins(s, pair) < closed(s.now)


def questions(s: DeploymentSnapshot) -> dict[Part, Asked]:
    """Return what the pods of both revisions are to be asked, by part; only what is needed.

    Requests are, whatever is measured: they tell when there is traffic, and who answers.
    """
    found: dict[Part, Asked] = {}
    pair = judged_pair(s.deployment, s.status)
    if pair is None:
        return found
    revisions = (pair[0].revision, pair[1].revision)
    if wants_metrics(s):
        start, until = _begins(s, pair), closed(s.now)
        found["requests"] = ask(s.pods, revisions, start, until, LOOK_SECONDS, ("requests",))
    analysis = judging(s.deployment, s.status)
    if later.is_asked(analysis):
        span = later.span(s.status.analysis, pair_of(*revisions), s.now)
        if span is not None:
            found[later.PART] = ask(
                s.pods, revisions, *span, later.FIRST_STEP_SECONDS, later.parts(analysis)
            )
    return found


def outside_questions(s: DeploymentSnapshot) -> tuple[OutsideQuestion, ...]:
    """Return what others are asked of the revision that is judged."""
    pair = judged_pair(s.deployment, s.status)
    if pair is None:
        return ()
    revisions = (pair[0].revision, pair[1].revision)
    return outside.questions(s, judging(s.deployment, s.status), revisions)


def judged_pair(
    deployment: ModelDeployment, status: DeploymentStatus
) -> tuple[Revision, Revision] | None:
    """Return the revision that is judged, behind the one it is compared with; None: none is.

    A canary is compared with stable; while stable bakes, it is with what it replaced. What is gone
    back to by an undo is not judged.
    """
    old, new = status.stable, status.canary
    if status.baking:
        old, new = status.replaced, status.stable
    if old is None or new is None or is_undone(status):
        return None
    return (old, new) if judging(deployment, status).judged else None


def judging(deployment: ModelDeployment, status: DeploymentStatus) -> Analysis:
    """Return how it is judged; while it bakes, by limits only: what was before has no traffic."""
    asked = deployment.spec.rollout.judging
    if not status.baking:
        return asked
    limits = [metric for metric in asked.judged if not compares(metric)]
    return asked.model_copy(update={"metrics": limits})


def _begins(s: DeploymentSnapshot, pair: tuple[Revision, Revision]) -> int:
    name, asked = pair_of(pair[0].revision, pair[1].revision), judging(s.deployment, s.status)
    return begins(asked, _known(s, s.status), name, closed(s.now))


def _known(s: DeploymentSnapshot, status: DeploymentStatus) -> AnalysisStatus | None:
    """Return what is known of what is judged; a bake begins when it was promoted."""
    pair, promoted = judged_pair(s.deployment, status), status.promoted_time
    if not status.baking or status.analysis is not None or pair is None or promoted is None:
        return status.analysis
    start = max(int(promoted.timestamp()), closed(s.now) - EXACT_SECONDS)
    start -= start % LOOK_SECONDS
    name = pair_of(pair[0].revision, pair[1].revision)
    return AnalysisStatus(pair=name, judged_until=datetime.fromtimestamp(start, UTC))


def measure(
    s: DeploymentSnapshot, state: State, reached: frozenset[str], fail: Fail = reject
) -> State:
    """Look at what the pods counted, whatever the rollout does: what fails goes back.

    Args:
        s: what is observed.
        state: under way.
        reached: the revisions that requests reach.
        fail: what becomes of one that fails.
    """
    status, answers = state.status, s.answers
    pair = judged_pair(s.deployment, status)
    if pair is None:
        return state
    analysis, revisions = judging(s.deployment, status), (pair[0].revision, pair[1].revision)
    old, new = revisions
    is_copied = s.deployment.spec.rollout.shadow is not None
    found = status.analysis
    if answers is not None:
        found = look(
            analysis,
            _known(s, status),
            revisions,
            answers,
            s.now,
            old in reached and s.ready(old) > 0,
            new in reached or _had_traffic(status) or is_copied,
            later.Trial(*pair),
            s.outcomes,
        )
        state = _with_clock_warning(state, status.analysis, found)
    if found is None or found.pair != pair_of(*revisions):
        return state
    found = measured(s, status, analysis, revisions, found)
    state = state.set(analysis=found)
    failed = [m for m in found.metrics if m.verdict == "Failed" and _votes(analysis, m)]
    if failed:
        return fail(s, state, "AnalysisFailed", "; ".join(m.message for m in failed))
    state = _without_numbers(state, status, analysis, found)
    since = found.silent_time
    if answers is None or since is None:
        return state
    if (s.now - since).total_seconds() < UNREACHABLE_SECONDS:
        return state
    message = silence(s, state)
    if not answers.of(new) and answers.of(old):
        # The other's pods answer the same question, so that it is this one's own fault.
        return fail(s, state, UNREACHABLE, message)
    if status.paused or status.promoting or status.baking:
        return state
    state = with_decision(s, state, "Paused", pair[1], UNREACHABLE, message)
    return state.set(Event("RolloutPaused", message, "Warning"), paused=UNREACHABLE)


def _had_traffic(status: DeploymentStatus) -> bool:
    """Tell whether what is judged had requests, by what is recorded.

    Though none reach it now: an operator may have been killed just after it had taken them away.
    """
    weight, known = status.weight, status.analysis
    had_share = status.promoting or status.baking or (weight is not None and weight.asked > 0)
    return had_share or (known is not None and known.traffic_time is not None)


def _without_numbers(
    state: State, before: DeploymentStatus, analysis: Analysis, found: AnalysisStatus
) -> State:
    """Ask a person where others have given no number for too long: that is no model's fault."""
    known = {m.name: m for m in before.analysis.metrics} if before.analysis is not None else {}
    lost = [m for m in found.metrics if _votes(analysis, m) and is_lost(known.get(m.name), m)]
    if not lost or before.paused or before.promoting or before.baking:
        return state
    message = "; ".join(m.message for m in lost)
    told = found.model_copy(update={"message": message[:1024]})
    return state.set(
        Event("RolloutPaused", f"Unreachable: {message}", "Warning"),
        paused=UNREACHABLE,
        analysis=told,
    )


def _with_clock_warning(
    state: State, before: AnalysisStatus | None, found: AnalysisStatus
) -> State:
    """Tell a person of pods whose clocks are wrong: that is the cluster's fault, no model's."""
    if not found.skewed or (before is not None and before.skewed):
        return state
    message = (
        f"the clocks of {', '.join(found.skewed[:3])} differ from the operator's by more than "
        f"{SKEW_SECONDS:.0f} s, so that what they count is left out: look at the time of their "
        "nodes, and of the operator's"
    )
    return state.set(Event("ClockSkew", message, "Warning"))


def silence(s: DeploymentSnapshot, state: State) -> str:
    """Return how many of the canary's pods do not answer, for people."""
    pair, answers = judged_pair(s.deployment, state.status), s.answers
    if pair is None or answers is None:
        return "Unreachable: ready pods of the canary do not answer their metrics port"
    name = pair[1].revision
    silent, asked = answers.silent(name), answers.asked.get(name, ())
    return (
        f"Unreachable: {len(silent)} of {len(asked)} ready pods of {pair[1].name} do not answer "
        "their metrics port (9090): look for a network policy, or a pod that hangs"
    )


def decision(s: DeploymentSnapshot, state: State, pause_over: bool, waited: float) -> Decision:
    """Return whether the canary may go on.

    Args:
        s: what is observed.
        state: under way, after ``measure``.
        pause_over: the step has lasted as long as it should.
        waited: seconds since then.
    """
    status, analysis = state.status, s.deployment.spec.rollout.judging
    step, found = status.step, status.analysis
    is_judged = judged_pair(s.deployment, status) is not None
    if not is_judged or step is None or not s.is_asked_at(step.index):
        return decide([], pause_over, 0, waited, 0)  # without traffic nothing is asked
    if found is not None and found.silent_time is not None:
        return Decision("Wait", silence(s, state))
    known = {m.name: m for m in found.metrics} if found is not None else {}
    names = [asked.name for asked in analysis.judged if asked.mode == "Enforce"]
    votes = [known.get(name, MetricStatus(name=name)) for name in names]
    if pause_over and _stable_is_gone(s, status, votes, waited):
        message = "stable has no ready pod, so there is nothing to compare with or to protect"
        return Decision("GoOn", message)
    most = seconds(analysis.wait_at_most)
    return decide([_verdict(m) for m in votes], pause_over, analysis.planned, waited, most)


def is_suspected(status: DeploymentStatus) -> bool:
    """Tell whether something speaks against the canary, though it is not certain."""
    return status.analysis is not None and any(m.suspected for m in status.analysis.metrics)


def _stable_is_gone(
    s: DeploymentSnapshot, status: DeploymentStatus, votes: list[MetricStatus], waited: float
) -> bool:
    """Tell whether stable has had no pod for so long that nothing can be compared with it."""
    stable, rollout = status.stable, s.deployment.spec.rollout
    late = waited >= seconds(rollout.progress_deadline)
    others = {m.verdict for m in votes} - {"Successful", "NotComparable"}
    return late and not others and stable is not None and s.ready(stable.revision) == 0


def _votes(analysis: Analysis, metric: MetricStatus) -> bool:
    return any(a.name == metric.name and a.mode == "Enforce" for a in analysis.judged)


def _verdict(m: MetricStatus) -> Verdict:
    """Return a verdict as the statistics take it; one that cannot be had is undecided."""
    outcome = m.verdict if m.verdict in ("Successful", "Failed") else "Undecided"
    requests = m.requests if m.verdict != "NotComparable" else 0
    message = m.message or f"{m.name}: nothing was measured yet"
    return Verdict(outcome, message, requests, m.value, m.reference, m.suspected)
