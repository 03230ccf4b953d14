"""Which models take part in an experiment."""

import hashlib
import json
from collections.abc import Callable

from perennial.api.deployment import ArmStatus, Experiment, ExperimentStatus, Revision, Variant
from perennial.api.deployment.status import STABLE
from perennial.plan.core import Finding
from perennial.plan.rollout.desired import Desired, asked_revision
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State


def key_of(experiment: Experiment) -> str:
    """Return a hash of the variants: with others, what was counted is about something else."""
    written = [v.to_json() for v in _in_order(experiment)]
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()[:10]


def _in_order(experiment: Experiment) -> list[Variant]:
    """Return the variants by name, so that another order of the list is no other list."""
    return sorted(experiment.variants, key=lambda variant: variant.name)


def wanted(s: DeploymentSnapshot, state: State) -> dict[str, Desired]:
    """Return the revision of each variant as the spec says now, or what is in its way."""
    experiment = s.deployment.spec.experiment
    variants = _in_order(experiment) if experiment is not None else []
    return {v.name: asked_revision(s.as_if(v.model.source), state.status) for v in variants}


def problem(stable: Revision, found: dict[str, Desired]) -> Finding | None:
    """Return why an experiment cannot be made of these models, None where it can."""
    seen = {stable.artifact.sha256: STABLE}
    for name, desired in found.items():
        why = desired.problem or desired.waiting
        if why is not None or desired.revision is None:
            reason, text = (why.reason, why.message) if why is not None else ("VariantUnknown", "")
            return Finding(reason, f"variant {name}: {text}")
        digest = desired.revision.artifact.sha256
        if digest in seen:
            message = (
                f"{seen[digest]} and {name} are the same artifact, so that nobody can tell their "
                "outcomes apart: take one out, or, to compare a model with itself, train it twice"
            )
            return Finding("SameModel", message)
        seen[digest] = name
    return None


def begin(
    experiment: Experiment, stable: Revision, found: dict[str, Desired], known: ExperimentStatus
) -> ExperimentStatus:
    """Return an experiment that waits for its variants' pods, with what was counted, if any."""
    revisions = {STABLE: stable, **{n: d.revision for n, d in found.items() if d.revision}}
    arms = []
    for name, revision in revisions.items():
        before = known.arm(name) or ArmStatus(name=name)
        if before.state == "Out" and name != STABLE:
            arms.append(before)
            continue
        update = {
            "version": revision.version,
            "revision": revision.revision,
            "sha256": revision.artifact.sha256,
            "state": "Running" if name == STABLE else "Waiting",
            "reason": "",
            "message": "",
            "share": None,
            "analysis": None,
        }
        arms.append(before.model_copy(update=update))
    return known.model_copy(update={"key": key_of(experiment), "arms": arms})


def changed(known: ExperimentStatus, name: str, **changes: object) -> ExperimentStatus:
    """Return an experiment with another state of an arm."""
    return each(known, lambda arm: arm.model_copy(update=changes) if arm.name == name else arm)


def each(known: ExperimentStatus, change: Callable[[ArmStatus], ArmStatus]) -> ExperimentStatus:
    """Return an experiment with each arm changed."""
    return known.model_copy(update={"arms": [change(arm) for arm in known.arms]})


def running(known: ExperimentStatus) -> list[ArmStatus]:
    """Return the variants that have traffic."""
    return [a for a in known.arms if a.name != STABLE and a.state == "Running"]


def taking_part(known: ExperimentStatus) -> list[ArmStatus]:
    """Return the arms that were not taken out, stable first."""
    return [a for a in known.arms if a.state != "Out"]
