"""An operator on Kopf that does nothing about every event: what Kopf alone costs."""

import kopf


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: object) -> None:
    """Let Kopf only watch, as the operator does."""
    settings.posting.enabled = False


@kopf.on.event("perennial.dev", "v1alpha1", "modeldeployments")
async def nothing(**_: object) -> None:
    """Do nothing."""
