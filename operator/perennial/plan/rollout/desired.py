"""Which revision the spec asks for."""

from dataclasses import dataclass

from perennial.api.deployment import (
    ArtifactRef,
    DeploymentStatus,
    Rejection,
    RequestLogLocation,
    Revision,
)
from perennial.api.version import ModelVersion
from perennial.plan.core import Finding
from perennial.plan.pods.log_access import unwritable_log
from perennial.plan.pods.stores import denied, refusal, secret_for
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import rejection
from perennial.plan.serving.request_log import log_location
from perennial.plan.serving.revision import as_written, newest


@dataclass(frozen=True)
class Desired:
    """The revision that is wanted; or a problem that somebody must solve, or what is waited for."""

    revision: Revision | None = None
    problem: Finding | None = None
    waiting: Finding | None = None


@dataclass(frozen=True)
class _Model:
    """A model by its place; ``secret`` None: the chart's, where that opens it."""

    artifact: ArtifactRef
    version: str = ""
    secret: str | None = None


def desired_revision(s: DeploymentSnapshot, status: DeploymentStatus) -> Desired:
    """Return the revision that is wanted; or a problem, or what is waited for.

    That is what the spec asks for; or what won an experiment against that, unless it was rejected
    since.
    """
    asked, ended = asked_revision(s, status), status.experiment
    if ended is None or ended.promoted is None or asked.revision is None:
        return asked
    if asked.revision.artifact.sha256 != ended.replaces:
        return asked
    won = asked_revision(s.as_if(ended.promoted.source), status)
    is_rejected = won.revision is not None and rejection(status, won.revision.revision) is not None
    return asked if is_rejected else won


def asked_revision(s: DeploymentSnapshot, status: DeploymentStatus) -> Desired:
    """Return the revision that the spec asks for; or a problem, or what is waited for.

    It is as it was recorded, if it was: what it was made of is not decided again. A version that
    is on trial or serves goes on where it, or its training, is gone.
    """
    known = [r for r in (status.canary, status.stable, *status.variants) if r is not None]
    model = _model(s, known)
    if isinstance(model, Desired):
        return model
    return _revision_for(s, model, known)


def first_revision(s: DeploymentSnapshot, status: DeploymentStatus) -> Desired:
    """Return what a deployment begins with: what is asked for, unless live traffic refuted that.

    Then it is the newest version that was not, or it waits for one.
    """
    found = desired_revision(s, status)
    refuted = rejection(status, found.revision.revision) if found.revision is not None else None
    if refuted is None:
        return found
    sound = [v for v in s.versions if v.refuted is None and v.metadata.name != refuted.version]
    if sound:
        return _revision_for(s, _recorded(max(sound, key=lambda v: v.spec.run)), [])
    message = (
        f"live traffic refuted {refuted.name}, and there is no other version "
        f"({refuted.message}): it waits for a new one; ask for retry to begin with it all the same"
    )
    return Desired(waiting=Finding("VersionRefuted", message))


def _revision_for(s: DeploymentSnapshot, model: _Model, known: list[Revision]) -> Desired:
    """Return the revision of a model by the spec's settings."""
    log = _log(s, known)
    problem = refusal("the artifact's URI", model.artifact.uri, s.settings)
    if not problem and log is not None:
        field, namespace = "spec.serving.requestLog.store.uri", s.deployment.metadata.namespace
        problem = refusal(field, log.uri, s.settings)
        problem = problem or unwritable_log(field, log.uri, log.secret, namespace, s.settings)
    if problem:
        return Desired(problem=Finding("InvalidSpec", problem))
    written = as_written(s.deployment, model.artifact)
    record = newest(s.records, written)
    if record is not None:
        return Desired(record.revision.model_copy(update={"start_time": s.now}))
    secret, store = model.secret, s.training.spec.store if s.training is not None else None
    if secret is None:
        secret = secret_for(model.artifact.uri, store, s.settings)
    if found := denied((secret, log.secret if log is not None else ""), s.settings):
        return Desired(problem=found)
    revision = Revision(
        version=model.version,
        artifact=model.artifact,
        revision=f"{written}-1",
        secret=secret,
        request_log=log,
        start_time=s.now,
    )
    return Desired(revision)


def _model(s: DeploymentSnapshot, known: list[Revision]) -> _Model | Desired:
    """Return the model that the spec speaks of, or why there is none."""
    source = s.deployment.spec.model
    if source.artifact is not None:
        own = source.artifact
        artifact = ArtifactRef(uri=own.uri, sha256=own.sha256)
        return _Model(artifact, secret=own.secret_ref.name if own.secret_ref is not None else None)
    if source.version_ref is not None:
        return _named(s, source.version_ref.name, known)
    assert source.training_ref is not None
    return _followed(s, source.training_ref.name, known)


def _named(s: DeploymentSnapshot, name: str, known: list[Revision]) -> _Model | Desired:
    """Return the version that the spec names."""
    if s.version is not None:
        return _recorded(s.version)
    if kept := next((r for r in known if r.version == name), None):
        return _Model(kept.artifact, name, kept.secret)
    message = f"there is no ModelVersion {name}: create it, or name another"
    return Desired(problem=Finding("VersionNotFound", message))


def _recorded(version: ModelVersion) -> _Model:
    """Return a version's model."""
    found = version.spec.artifact
    secret = found.secret_ref.name if found.secret_ref is not None else None
    return _Model(ArtifactRef(uri=found.uri, sha256=found.sha256), version.metadata.name, secret)


def _followed(s: DeploymentSnapshot, name: str, known: list[Revision]) -> _Model | Desired:
    """Return the champion of the training that the spec follows."""
    champion = s.training.status.champion if s.training is not None else None
    if champion is not None:
        artifact = ArtifactRef(uri=champion.uri, sha256=champion.sha256)
        return _Model(artifact, champion.version, champion.secret or None)
    if known:
        return _Model(known[0].artifact, known[0].version, known[0].secret)
    if s.training is None:
        message = f"there is no ModelTraining {name} yet: create it"
        return Desired(waiting=Finding("TrainingNotFound", message))
    message = f"{name} has no version that passed yet: its runs go on"
    return Desired(waiting=Finding("WaitingForVersion", message))


def _log(s: DeploymentSnapshot, known: list[Revision]) -> RequestLogLocation | None:
    """Return where requests are logged; where they were, when its training is gone."""
    log, found = (
        s.deployment.spec.serving.request_log,
        log_location(s.deployment, s.training, s.settings),
    )
    if log is None or log.store is not None or s.training is not None:
        return found
    return next((r.request_log for r in known if r.request_log is not None), found)


def held_back(s: DeploymentSnapshot, status: DeploymentStatus) -> Rejection | None:
    """Return the rejection of what the spec wants, if it was rejected."""
    revision = desired_revision(s, status).revision
    return rejection(status, revision.revision) if revision is not None else None
