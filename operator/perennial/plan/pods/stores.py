"""Which store is meant, and whether it may be used."""

from collections.abc import Iterable

from perennial.api.store import CLAIM_MESSAGE, StoreRef
from perennial.plan.core import Finding, Settings
from perennial_artifact.volumes import claim_of

ALLOWED_LABEL = "perennial.dev/default-store"
ALLOWED_VALUE = "allowed"
"""On a namespace: an administrator trusts it with the whole of the chart's store."""
LOOK_AGAIN_SECONDS = 30.0
"""A namespace's label and a foreign Secret wake nobody."""


def chosen(store: StoreRef | None, settings: Settings) -> tuple[str, str]:
    """Return URI and Secret of a store, or of the chart's default one; '' where there is none."""
    if store is None:
        return settings.store_uri, settings.store_secret
    return store.uri, store.secret_ref.name if store.secret_ref else ""


def secret_for(uri: str, store: StoreRef | None, settings: Settings) -> str:
    """Return the Secret of the store, '' where a URI's scheme says that it is in another.

    By the scheme alone: other buckets beside the store's are opened by the same credentials.
    """
    where, secret = chosen(store, settings)
    return secret if where.partition("://")[0] == uri.partition("://")[0] else ""


def refusal(field: str, uri: str, settings: Settings) -> str:
    """Return why the URI of a field cannot be used, '' where it can."""
    if not uri:
        return f"{field} is needed: the chart has no default store"
    if uri.partition("://")[0] not in settings.schemes:
        allowed = ", ".join(sorted(settings.schemes))
        return f"{field} is {uri}: allowed are {allowed} (chart value allowedSchemes)"
    if uri.startswith("pvc://") and not claim_of(uri):
        return f"{field} is {uri}: {CLAIM_MESSAGE}"
    return ""


def denied(secrets: Iterable[str], settings: Settings) -> Finding | None:
    """Return why the Secrets that an object's pods would mount may not all be had.

    By the name of the chart's Secret: one of that name never is a namespace's own.
    """
    return settings.store_denied if settings.store_secret in {*secrets} - {""} else None


def not_allowed(namespace: str, by_label: bool) -> Finding:
    """Return that nobody has trusted a namespace with the chart's store."""
    remedy = f"add {namespace} to the chart's value store.namespaces"
    if by_label:
        remedy = f"run kubectl label namespace {namespace} {ALLOWED_LABEL}={ALLOWED_VALUE}"
    message = (
        f"the chart's default store is not handed to namespace {namespace}: let a cluster "
        f"administrator {remedy}, which trusts it with all that is in the store; or name a store "
        "with a secretRef of your own"
    )
    return Finding("StoreNotAllowed", message, "Cluster")


def not_ours(secret: str, namespace: str) -> Finding:
    """Return that a foreign Secret has the name of the chart's."""
    message = (
        f"Secret {secret} exists in namespace {namespace} and is not ours, so the chart's default "
        "store cannot be handed over: rename it, or name a store with a secretRef of your own, of "
        "another name"
    )
    return Finding("NameConflict", message, "Cluster")


def no_original(secret: str, namespace: str) -> Finding:
    """Return that the chart's Secret is not where the chart says."""
    message = (
        f"there is no Secret {secret} in namespace {namespace}, which opens the chart's default "
        "store: create it there, or correct the chart's value store.existingSecret"
    )
    return Finding("StoreSecretNotFound", message, "Cluster")


def no_right(sentence: str) -> Finding:
    """Return that the operator may not hand the chart's store over."""
    message = (
        f"the chart's default store cannot be handed over: {sentence.rstrip('.')}; give the "
        "operator the chart's rights, or name a store with a secretRef of your own"
    )
    return Finding("StoreNotReachable", message, "Cluster")
