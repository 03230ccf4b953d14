"""The analysis of a canary: when to look at its counters, and what follows."""

from datetime import datetime

from perennial.api.base import seconds
from perennial.api.deployment import ModelDeployment, StepStatus
from perennial.plan.analysis import counts, difference, judge
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, reject

MEASUREMENTS_KEPT = 20
PODS_COUNTED = 256
"""What the status can hold of a baseline; of a larger canary these pods speak for the others."""


def wants_metrics(deployment: ModelDeployment, now: datetime) -> bool:
    """Tell whether this pass needs the canary's counters."""
    step, analysis = deployment.status.step, deployment.spec.rollout.analysis
    if analysis is None or step is None or step.start_time is None:
        return False
    return _due(step, seconds(analysis.interval), now)


def _due(step: StepStatus, interval: float, now: datetime) -> bool:
    times = [t for t in (step.baseline_time, *(m.time for m in step.measurements)) if t]
    return step.baseline_time is None or (now - max(times)).total_seconds() >= interval


def measure(s: DeploymentSnapshot, state: State, step: StepStatus) -> State:
    """Judge the canary where a look is due: failures beyond the limit roll it back."""
    analysis = s.deployment.spec.rollout.analysis
    if analysis is None or s.metrics is None or step.start_time is None:
        return state
    pods = sorted(s.metrics, key=lambda p: p.pod)[:PODS_COUNTED]
    if step.baseline_time is None:
        begun = {"baseline": counts(pods), "baseline_time": s.now}
        return state.set(step=step.model_copy(update=begun))
    if not _due(step, seconds(analysis.interval), s.now):
        return state
    found = judge(analysis, difference(pods, step.baseline), s.now)
    kept = [*step.measurements, *found][-MEASUREMENTS_KEPT:]
    step = step.model_copy(update={"measurements": kept})
    failed = [m for m in found if m.verdict == "Failed"]
    if failed:
        step = step.model_copy(update={"failures": step.failures + 1})
        if step.failures > analysis.failure_limit:
            return reject(s, state, "AnalysisFailed", "; ".join(m.message for m in failed))
    if not failed and any(m.verdict == "Inconclusive" for m in found):
        # The baseline stays, so that few requests add up to enough.
        step = step.model_copy(update={"inconclusive": step.inconclusive + 1})
    else:
        step = step.model_copy(
            update={
                "inconclusive": 0,
                "successes": step.successes + (0 if failed else 1),
                "baseline": counts(pods),
                "baseline_time": s.now,
            }
        )
    return state.set(step=step)
