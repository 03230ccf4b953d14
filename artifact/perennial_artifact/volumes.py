"""``pvc://CLAIM/PATH``: PATH in a PersistentVolumeClaim, which pods find at ``VOLUMES/CLAIM``."""

import re

VOLUMES = "/perennial-volumes"
CLAIM = "[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?"
"""What a claim may be called, as a regular expression that CEL reads, too."""
UPWARDS = "/[.][.](/|$)"
"""A path that may leave its claim, for the rest of the pod's disk."""


def claim_of(uri: str) -> str:
    """Return the claim of a pvc:// URI; '' where the URI is another one, or names no claim well."""
    found = re.fullmatch(f"pvc://(?P<claim>{CLAIM})(/.*)?", uri)
    return found["claim"] if found and not re.search(UPWARDS, uri) else ""


def mount_path(claim: str) -> str:
    """Return where pods find a claim."""
    return f"{VOLUMES}/{claim}"


def path_of(uri: str) -> str:
    """Return where pods find what a pvc:// URI names."""
    return mount_path(uri.removeprefix("pvc://"))
