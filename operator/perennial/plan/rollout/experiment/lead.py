"""Where an experiment stands: it waits, runs, gives way to a rollout, and ends.

While it gives way, or has ended, its variants have no part in the goal; they stay in the status
until no request reaches them. A rollout begins only then.
"""

from collections.abc import Callable

from perennial.api.deployment import ArmStatus, Experiment, ExperimentStatus, Revision
from perennial.api.deployment.status import STABLE, PromotedModel
from perennial.plan.core import Event, Finding
from perennial.plan.rollout.experiment import judging, shares, told
from perennial.plan.rollout.experiment.arms import (
    begin,
    changed,
    each,
    key_of,
    problem,
    running,
    taking_part,
    wanted,
)
from perennial.plan.rollout.experiment.goal import goal, is_on
from perennial.plan.rollout.experiment.health import READY, before_traffic, in_traffic
from perennial.plan.rollout.goal import Goal, Seen
from perennial.plan.rollout.rest import kept_failed, replaced_has_pods
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, rejection
from perennial.plan.serving.revision import as_written, counted

HELD = "Held"


def keeps_waiting(s: DeploymentSnapshot, state: State, desired: Revision) -> bool:
    """Tell whether a newer version of the training waits for the end of the experiment.

    It does as it does for a canary's: by ``rollout.onNewVersion``. What a person writes goes first.
    """
    stable, spec = state.status.stable, s.deployment.spec
    if stable is None or spec.experiment is None or not is_on(state.status):
        return False
    if spec.model.training_ref is None or spec.rollout.on_new_version != "Finish":
        return False
    same_settings = counted(stable.revision)[0] == as_written(s.deployment, stable.artifact)
    return same_settings and desired.revision != stable.revision


def lead(
    s: DeploymentSnapshot,
    state: State,
    desired: Revision | None,
    asked: Revision | None,
    is_alone: bool,
    reached: frozenset[str],
    seen: Callable[[Goal], Seen],
) -> State:
    """Look once at the experiment.

    Args:
        s: what is observed.
        state: under way.
        desired: the revision that is wanted, None where there is none.
        asked: the one that the spec asks for, whatever won an experiment.
        is_alone: requests were seen to reach stable alone.
        reached: the revisions that requests reach.
        seen: how far a goal is so.
    """
    experiment, known = s.deployment.spec.experiment, state.status.experiment
    if known is not None and known.promoted is not None:
        state = _kept_promotion(state, known, asked)
        known = state.status.experiment
    if experiment is None:
        state = _removed(state, known)
    else:
        state = _led(s, state, experiment, known, desired, asked, is_alone, seen)
    known = state.status.experiment
    on = known is not None and is_on(state.status)
    part = {a.revision for a in taking_part(known)} if on and known is not None else set()
    staying = [r for r in state.status.variants if r.revision in part | reached]
    return state if staying == state.status.variants else state.set(variants=staying)


def _led(
    s: DeploymentSnapshot,
    state: State,
    experiment: Experiment,
    known: ExperimentStatus | None,
    desired: Revision | None,
    asked: Revision | None,
    is_alone: bool,
    seen: Callable[[Goal], Seen],
) -> State:
    stable = state.status.stable
    if known is None or known.key != key_of(experiment):
        state = _anew(state, known, "its variants have changed")
        known = _fresh(known, key_of(experiment))
        state = state.set(experiment=known)
    if known.result is not None:
        return _promoting(s, state, experiment, known, asked)
    if why := _hindered(s, state, desired):
        return _held(state, known, why)
    assert stable is not None
    control = known.arm(STABLE)
    if control is not None and control.sha256 != stable.artifact.sha256:
        state = _anew(state, known, f"stable is {stable.name} now")
        known = _fresh(known, known.key)
    if not is_on(state.status):
        return _waiting(s, state, experiment, known, stable, is_alone)
    if not running(known):
        return _starting(s, state, experiment, known)
    return _running(s, state, experiment, known, asked, seen)


def _fresh(known: ExperimentStatus | None, key: str) -> ExperimentStatus:
    """Return an experiment of which nothing is known; who won the last one serves on by that."""
    if known is None or known.promoted is None:
        return ExperimentStatus(key=key)
    return ExperimentStatus(key=key, promoted=known.promoted, replaces=known.replaces)


def _hindered(s: DeploymentSnapshot, state: State, desired: Revision | None) -> str:
    """Return why there is no experiment now, '' where there can be one."""
    status = state.status
    if status.stable is None or status.promoted_time is None:
        return "it begins once stable serves"
    if status.canary is not None:
        return f"it gives way to the rollout of {status.canary.name}"
    if status.baking:
        return f"it begins once {status.stable.name} has baked"
    if s.replicas == 0:
        return "it goes on when there are to be pods again"
    newer = desired is not None and desired.revision != status.stable.revision
    if newer and desired is not None and rejection(status, desired.revision) is None:
        return f"it gives way to the rollout of {desired.name}"
    return ""


def _held(state: State, known: ExperimentStatus, why: str) -> State:
    """Let the variants wait without pods: what was counted stays, as long as stable does."""
    return state.set(experiment=_without_traffic(known, HELD, why))


def _without_traffic(known: ExperimentStatus, reason: str, message: str) -> ExperimentStatus:
    known = each(
        known,
        lambda arm: (
            arm
            if arm.state == "Out"
            else arm.model_copy(
                update={
                    "state": "Running" if arm.name == STABLE else "Waiting",
                    "reason": "" if arm.name == STABLE else reason,
                    "message": "" if arm.name == STABLE else message,
                    "share": None,
                    "analysis": None,
                }
            )
        ),
    )
    return known.model_copy(
        update={"waiting_since": None, "message": message, "judged_until": None, "batch": []}
    )


def _anew(state: State, known: ExperimentStatus | None, why: str) -> State:
    """Tell a person that what was counted is about something else now."""
    if known is None or known.start_time is None or known.result is not None:
        return state
    return state.set(Event("ExperimentRestarted", f"the experiment begins anew: {why}"))


def _waiting(
    s: DeploymentSnapshot,
    state: State,
    experiment: Experiment,
    known: ExperimentStatus,
    stable: Revision,
    is_alone: bool,
) -> State:
    """Give the variants a pod each, once they are known and nothing else answers."""
    found = wanted(s, state)
    if why := problem(stable, found):
        return _held(state, known, why.message)
    surge = s.deployment.spec.rollout.surge(s.replicas)
    if surge < len(found):
        message = (
            f"{len(found)} variants take a pod each beside the {s.replicas} of spec.replicas, and "
            f"rollout.maxSurge allows {surge}: raise it"
        )
        return _held(state, known, message)
    kept = replaced_has_pods(s, state.status) or kept_failed(s, state.status) is not None
    if not is_alone or kept or state.status.variants:
        return _held(state, known, "it begins once stable alone has requests, and pods")
    begun = begin(experiment, stable, found, known)
    begun = begun.model_copy(update={"waiting_since": s.now, "message": ""})
    parts = {arm.revision for arm in taking_part(begun)}
    revisions = [d.revision for d in found.values() if d.revision is not None]
    variants = [r for r in revisions if r.revision in parts]
    return _unless_over(s, state.set(experiment=begun, variants=variants))


def _starting(
    s: DeploymentSnapshot, state: State, experiment: Experiment, known: ExperimentStatus
) -> State:
    """Begin once each variant has a ready pod, and takes and gives what stable does."""
    for arm in known.arms:
        if arm.state != "Waiting" or arm.reason == READY:
            continue
        found = before_traffic(s, known, arm)
        if found.final:
            state, known = _out(state, known, arm.name, found)
        else:
            known = changed(known, arm.name, reason=found.reason, message=found.message)
    state = _unless_over(s, state.set(experiment=known))
    waiting = [a for a in known.arms if a.state == "Waiting"]
    if not waiting or any(arm.reason != READY for arm in waiting):
        return state
    known = each(known, _begins)
    known = told.begun(s, experiment, known)
    enough = bool(known.evidence) and judging.has_enough(experiment, known)
    known = shares.with_shares(known, shares.asked(experiment, known, enough))
    start = known.start_time or s.now
    known = known.model_copy(update={"waiting_since": None, "start_time": start})
    names = ", ".join(f"{a.name} {a.share.asked} %" for a in taking_part(known) if a.share)
    return state.set(
        Event("ExperimentStarted", f"the traffic is divided: {names}"), experiment=known
    )


def _begins(arm: ArmStatus) -> ArmStatus:
    if arm.state != "Waiting":
        return arm
    return arm.model_copy(update={"state": "Running", "reason": "", "message": ""})


def _running(
    s: DeploymentSnapshot,
    state: State,
    experiment: Experiment,
    known: ExperimentStatus,
    asked: Revision | None,
    seen: Callable[[Goal], Seen],
) -> State:
    for arm in running(known):
        measured, why = in_traffic(s, arm)
        known = each(known, lambda a, m=measured: m if a.name == m.name else a)  # type: ignore[misc]
        if why is not None:
            state, known = _out(state, known, arm.name, why)
            known = shares.with_shares(known, shares.asked(experiment, known, enough=False))
    if s.outcomes is not None:
        known = told.read(known, s.outcomes, s.now)
    is_over = told.is_over(experiment, known)
    if is_over:
        known = judging.after_batch(experiment, known, s.deployment.metadata.uid)
    state = _unless_over(s, state.set(experiment=known))
    if not running(known):
        return state
    if ended := judging.ending(experiment, known, s.now):
        return _ended(s, state, experiment, known, ended, asked)
    wanted_goal = goal(s, state.status)
    found = seen(wanted_goal)
    is_there = found.routed and {a.revision for a in wanted_goal.arms} <= found.complete
    fixed = experiment.sampling is None
    if (is_over and is_there) or fixed:
        enough = judging.has_enough(experiment, known)
        following = shares.asked(experiment, known, enough)
        if following != {a.name: a.share.asked for a in taking_part(known) if a.share}:
            known = shares.with_shares(known, following)
            names = ", ".join(f"{name} {share} %" for name, share in following.items())
            event = Event("SharesSet", f"by what is known, the traffic is divided anew: {names}")
            state = state.set(event, experiment=known)
    return state


def _out(
    state: State, known: ExperimentStatus, name: str, why: Finding
) -> tuple[State, ExperimentStatus]:
    """Take an arm out, and tell it."""
    message = f"{name} is taken out of the experiment: {why.message}"
    state = state.set(Event("VariantOut", message, "Warning"))
    out = {"state": "Out", "reason": why.reason, "message": why.message, "share": None}
    return state, changed(known, name, **out)


def _unless_over(s: DeploymentSnapshot, state: State) -> State:
    """End the experiment where every variant was taken out."""
    known = state.status.experiment
    assert known is not None
    if len(taking_part(known)) > 1:
        return state
    message = "every variant was taken out, so that stable has all of the traffic"
    event = Event("ExperimentEnded", message, "Warning")
    return state.set(event, experiment=_over(s, known, judging.Ending("NoVariant", message)))


def _over(
    s: DeploymentSnapshot, known: ExperimentStatus, ended: judging.Ending
) -> ExperimentStatus:
    return _without_traffic(known, "Ended", "").model_copy(
        update={
            "result": ended.result,
            "winner": ended.winner,
            "message": ended.message,
            "end_time": s.now,
        }
    )


def _ended(
    s: DeploymentSnapshot,
    state: State,
    experiment: Experiment,
    known: ExperimentStatus,
    ended: judging.Ending,
    asked: Revision | None,
) -> State:
    """Record how it ended: nothing of it is derived again."""
    over = _over(s, known, ended)
    takes_over = experiment.then == "Promote" and ended.winner not in ("", STABLE)
    if takes_over or known.promoted is None:  # else who won the last one serves on
        digest = asked.artifact.sha256 if asked is not None and ended.winner != STABLE else ""
        over = over.model_copy(update={"replaces": digest, "promoted": None})
    event = Event("ExperimentEnded", ended.message)
    return _promoting(s, state.set(event, experiment=over), experiment, over, asked)


def _promoting(
    s: DeploymentSnapshot,
    state: State,
    experiment: Experiment,
    known: ExperimentStatus,
    asked: Revision | None,
) -> State:
    """Let the winner be wanted in the place of what the spec asked for when it won."""
    if experiment.then != "Promote" or not known.winner or known.winner == STABLE:
        return state
    if known.promoted is not None or not known.replaces:
        return state
    if asked is None or asked.artifact.sha256 != known.replaces:
        return state.set(experiment=known.model_copy(update={"replaces": ""}))
    variant = next(v for v in experiment.variants if v.name == known.winner)
    message = (
        f"{known.winner} takes over by a rollout, as spec.experiment.then asks; name it in "
        "spec.model to keep it when the experiment is forgotten"
    )
    promoted = known.model_copy(update={"promoted": PromotedModel.of(variant.model.source)})
    return state.set(Event("WinnerPromoted", message), experiment=promoted)


def _kept_promotion(state: State, known: ExperimentStatus, asked: Revision | None) -> State:
    """End the winner's promotion where the spec asks for another model than it did then."""
    if asked is None or asked.artifact.sha256 == known.replaces:
        return state
    ended = known.model_copy(update={"promoted": None, "replaces": ""})
    return state.set(experiment=ended)


def _removed(state: State, known: ExperimentStatus | None) -> State:
    """Forget an experiment that is not asked for any more, but for a winner that serves by it."""
    if known is None or known.promoted is not None:
        return state
    if known.result is None and known.start_time is not None:
        message = "the experiment was taken out of the spec, and ends undecided"
        state = state.set(Event("ExperimentEnded", message))
    return state.set(experiment=None)
