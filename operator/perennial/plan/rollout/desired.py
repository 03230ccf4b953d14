"""Which revision the spec asks for."""

from perennial.api.deployment import ArtifactRef, DeploymentStatus, LogPlace, Rejection, Revision
from perennial.plan.finding import Finding
from perennial.plan.record import as_written, newest
from perennial.plan.requestlog import place
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import rejection
from perennial.plan.stores import opener, refusal


def wanted(
    s: DeploymentSnapshot, status: DeploymentStatus
) -> tuple[Revision | None, Finding | None, Finding | None]:
    """Return the wanted revision; or a problem, or what is waited for.

    It is as it was recorded, if it was: what it was made of is not decided again. A version that
    is on trial or serves goes on where it, or its training, is gone.
    """
    model, settings = s.deployment.spec.model, s.settings
    secret: str | None = None
    version = ""
    known = [r for r in (status.canary, status.stable) if r is not None]
    if model.artifact is not None:
        artifact = ArtifactRef(uri=model.artifact.uri, sha256=model.artifact.sha256)
        secret = model.artifact.secret_ref.name if model.artifact.secret_ref is not None else None
    elif model.version_ref is not None:
        version = model.version_ref.name
        if s.version is not None:
            found = s.version.spec.artifact
            artifact = ArtifactRef(uri=found.uri, sha256=found.sha256)
            secret = found.secret_ref.name if found.secret_ref is not None else None
        elif kept := next((r for r in known if r.version == version), None):
            artifact, secret = kept.artifact, kept.secret
        else:
            return None, Finding("VersionNotFound", f"there is no ModelVersion {version}"), None
    else:
        assert model.training_ref is not None
        name = model.training_ref.name
        champion = s.training.status.champion if s.training is not None else None
        if champion is not None:
            artifact = ArtifactRef(uri=champion.uri, sha256=champion.sha256)
            version, secret = champion.version, champion.secret or None
        elif known:
            artifact, version, secret = known[0].artifact, known[0].version, known[0].secret
        elif s.training is None:
            return None, None, Finding("TrainingNotFound", f"there is no ModelTraining {name} yet")
        else:
            return (
                None,
                None,
                Finding("WaitingForVersion", f"{name} has no version that passed yet"),
            )
    store = s.training.spec.store if s.training is not None else None
    if secret is None:
        secret = opener(artifact.uri, store, settings)
    log = _log(s, known)
    told = refusal("the artifact's URI", artifact.uri, settings)
    if not told and log is not None:
        told = refusal("spec.serving.requestLog.store.uri", log.uri, settings)
    if told:
        return None, Finding("InvalidSpec", told), None
    written = as_written(s.deployment, artifact)
    record = newest(s.records, written)
    if record is not None:
        return record.revision.model_copy(update={"start_time": s.now}), None, None
    revision = Revision(
        version=version,
        artifact=artifact,
        revision=f"{written}-1",
        secret=secret,
        request_log=log,
        start_time=s.now,
    )
    return revision, None, None


def _log(s: DeploymentSnapshot, known: list[Revision]) -> LogPlace | None:
    """Return where requests are logged; where they were, when its training is gone."""
    log, found = s.deployment.spec.serving.request_log, place(s.deployment, s.training, s.settings)
    if log is None or log.store is not None or s.training is not None:
        return found
    return next((r.request_log for r in known if r.request_log is not None), found)


def held_back(s: DeploymentSnapshot, status: DeploymentStatus) -> Rejection | None:
    """Return the rejection of what the spec wants, if it was rejected."""
    desired, _, _ = wanted(s, status)
    if desired is None:
        return None
    return rejection(status, desired.revision)
