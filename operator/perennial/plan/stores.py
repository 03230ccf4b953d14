"""Which store is meant, and whether it may be used."""

from perennial.api.store import CLAIM_MESSAGE, StoreRef
from perennial.plan.core import Settings
from perennial_artifact.volumes import claim_of


def chosen(store: StoreRef | None, settings: Settings) -> tuple[str, str]:
    """Return URI and Secret of a store, or of the chart's default one; '' where there is none."""
    if store is None:
        return settings.store_uri, settings.store_secret
    return store.uri, store.secret_ref.name if store.secret_ref else ""


def opener(uri: str, store: StoreRef | None, settings: Settings) -> str:
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
