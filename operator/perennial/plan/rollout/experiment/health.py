"""Arms that fail as models: they are taken out, and the others go on."""

from perennial.api.deployment import Analysis, ArmStatus, ExperimentStatus
from perennial.api.values import seconds
from perennial.plan.core import Finding
from perennial.plan.core.questions import Asked, address_of, ask, chosen, is_ready, name_of
from perennial.plan.core.signature import SignatureQuestion, differences
from perennial.plan.pods.health import lacking_for
from perennial.plan.rollout.analysis.look import LOOK_SECONDS, begins, closed, look, pair_of
from perennial.plan.rollout.analysis.metrics import request_metric
from perennial.plan.rollout.experiment.arms import running
from perennial.plan.rollout.experiment.goal import is_on
from perennial.plan.rollout.signature_check import CHANGED, PODS_ASKED, UNKNOWN
from perennial.plan.rollout.snapshot import DeploymentSnapshot

READY = "Ready"
"""Why an arm waits that could begin: others are not as far."""
UNREACHABLE_SECONDS = 30.0
SHOWN = 6


def request_questions(s: DeploymentSnapshot) -> Asked | None:
    """Return what the pods of stable and the variants are to be asked, None where nothing is."""
    known, stable, analysis = (
        s.status.experiment,
        s.status.stable,
        s.deployment.spec.rollout.judging,
    )
    if known is None or stable is None or not is_on(s.status) or not analysis.judged:
        return None
    until, arms = closed(s.now), running(known)
    starts = [
        begins(analysis, arm.analysis, pair_of(stable.revision, arm.revision), until)
        for arm in arms
    ]
    start = min(starts, default=until)
    if start >= until:
        return None
    revisions = (stable.revision, *(arm.revision for arm in arms))
    return ask(s.pods, revisions, start, until, LOOK_SECONDS, ("requests",))


def _judging(s: DeploymentSnapshot) -> Analysis:
    """Return what is measured of variants: their answers. What they earn is the experiment's."""
    asked = s.deployment.spec.rollout.judging
    of_requests = [metric for metric in asked.judged if request_metric(metric) is not None]
    return asked.model_copy(update={"metrics": of_requests})


def signature_questions(s: DeploymentSnapshot) -> tuple[SignatureQuestion, ...]:
    """Return what the ready pods of stable, and of variants that wait, are to be asked."""
    known, stable, model = s.status.experiment, s.status.stable, s.deployment.metadata.name
    if known is None or stable is None or known.waiting_since is None or not is_on(s.status):
        return ()
    waiting = [a.revision for a in known.arms if a.state == "Waiting" and a.reason != READY]
    found = []
    for revision in (*waiting, stable.revision) if waiting else ():
        ready = {name_of(p): address_of(p) for p in s.pods_of(revision) if is_ready(p)}
        asked = chosen(ready)[:PODS_ASKED]
        found += [SignatureQuestion(name, revision, ready[name], model) for name in asked]
    return tuple(found)


def before_traffic(s: DeploymentSnapshot, known: ExperimentStatus, arm: ArmStatus) -> Finding:
    """Return whether a variant that waits may begin: READY, what it waits for, or what is final."""
    stable = s.status.stable
    since = known.waiting_since or s.now
    late = (s.now - since).total_seconds() > seconds(s.deployment.spec.rollout.progress_deadline)
    if s.ready(arm.revision) == 0:
        why = s.trouble(arm.revision)
        if why is not None and (why.final or (late and why.blame == "Model")):
            return Finding(why.reason, why.message, final=True)
        if why is not None:
            return Finding(why.reason, why.message)
        message = "its pods did not become ready in time"
        if late:
            return Finding("ProgressDeadlineExceeded", message, final=True)
        return Finding("Starting", "its first pod is not ready yet")
    told = {t.revision: t.signature for t in s.signatures if t.signature is not None}
    old = told.get(stable.revision) if stable is not None else None
    new = told.get(arm.revision)
    if old is None or new is None:
        silent = "stable" if new is not None else arm.name
        message = f"what {silent} takes and gives is not known: no pod of it tells that"
        return Finding(UNKNOWN, message, final=late and new is None)
    if found := differences(old, new):
        more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
        message = (
            f"it does not take or give all that stable does: {'; '.join([*found[:SHOWN], *more])}"
        )
        return Finding(CHANGED, message, final=True)
    return Finding(READY)


def in_traffic(s: DeploymentSnapshot, arm: ArmStatus) -> tuple[ArmStatus, Finding | None]:
    """Return a variant with what was measured of it, and why it is to be taken out, if it is."""
    why, live = s.trouble(arm.revision), s.workload(arm.revision)
    if why is not None and why.blame == "Model":
        late = lacking_for(live, s.now) > seconds(s.deployment.spec.rollout.progress_deadline)
        if why.final or (late and s.ready(arm.revision) == 0):
            return arm, why
    analysis, stable, answers = _judging(s), s.status.stable, s.answers
    if answers is None or stable is None or not analysis.judged:
        return arm, None
    if arm.revision not in answers.asked:
        return arm, None  # it runs since this pass
    pair = (stable.revision, arm.revision)
    found = look(analysis, arm.analysis, pair, answers, s.now, s.ready(stable.revision) > 0)
    arm = arm.model_copy(update={"analysis": found})
    votes = {a.name for a in analysis.judged if a.mode == "Enforce"}
    failed = [m for m in found.metrics if m.verdict == "Failed" and m.name in votes]
    if failed:
        return arm, Finding("AnalysisFailed", "; ".join(m.message for m in failed), "Model")
    since = found.silent_time
    if since is None or (s.now - since).total_seconds() < UNREACHABLE_SECONDS:
        return arm, None
    if not answers.of(arm.revision) and answers.of(stable.revision):
        message = "its ready pods do not answer their metrics port (9090), and stable's do"
        return arm, Finding("Unreachable", message, "Model")
    return arm, None
