"""Whose request logs may be opened by the chart's Secret: those of the object's own namespace.

The chart's store is one for all namespaces that are trusted with it, and each has its request logs
below ``logs/NAMESPACE/`` there. So whoever may write our objects, but neither pods nor Secrets,
comes to no other namespace's log. With a Secret of one's own, that Secret's rights decide.
"""

import re

from perennial.plan.core import Settings

_GLOB = re.compile(r"[*?[]")
_AMBIGUOUS = re.compile(r"[%\\#\s\x00-\x1f]|/\.{0,2}(?=/|$)")
"""What a store may read otherwise than it is written: %6c is l, and a/../b is b."""


def unreadable_log(field: str, uri: str, secret: str, namespace: str, settings: Settings) -> str:
    """Return why the rows that a field's URI names may not be read, '' where they may.

    A glob, or a directory, that takes in another namespace's log is refused, too.
    """
    return _refusal(field, uri, secret, namespace, settings, whole=True)


def unwritable_log(field: str, uri: str, secret: str, namespace: str, settings: Settings) -> str:
    """Return why files may not be written below a field's URI, '' where they may."""
    return _refusal(field, uri, secret, namespace, settings, whole=False)


def _refusal(
    field: str, uri: str, secret: str, namespace: str, settings: Settings, whole: bool
) -> str:
    if not secret or secret != settings.store_secret:
        return ""
    fixed = _GLOB.split(uri)[0]
    (buckets, path), (own, root) = _parts(fixed), _parts(settings.store_uri)
    if not buckets & own:
        return ""
    if _AMBIGUOUS.search(f"{fixed}x" if fixed.endswith("/") else fixed, fixed.index("://") + 3):
        return (
            f"{field} is {uri}: in the chart's default store write it without spaces, %, #, "
            "backslashes and empty, . or .. parts"
        )
    logs = "/".join(part for part in (root.strip("/"), "logs/") if part)
    # A name ends where the URI does, and not where a glob goes on.
    within = path if fixed != uri else f"{path}/"
    into = within.startswith(logs) and not within.startswith(f"{logs}{namespace}/")
    if into or (whole and logs.startswith(path)):
        return (
            f"{field} is {uri}: the chart's default store is read and written by many namespaces, "
            f"and of its request logs only those below {settings.store_uri.rstrip('/')}/logs/"
            f"{namespace}/ are this namespace's; name these or other files, or a secretRef of "
            "your own"
        )
    return ""


def _parts(uri: str) -> tuple[set[str], str]:
    """Return a URI's scheme with its bucket, as it may be written, and the path in it."""
    scheme, _, rest = uri.partition("://")
    place, _, path = rest.partition("/")
    # az://CONTAINER@ACCOUNT… and s3://CONTAINER are the same place.
    names = {name.partition(":")[0].lower() for name in place.split("@")}
    return {f"{scheme}://{name}" for name in names}, path
