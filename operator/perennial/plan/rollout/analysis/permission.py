"""Whose numbers are asked for, and which addresses may be asked for them."""

from perennial.plan.core import outside
from perennial.plan.rollout.analysis.sources.source import NOBODY, Names
from perennial.plan.rollout.snapshot import DeploymentSnapshot


def denied_because(s: DeploymentSnapshot, url: str) -> str:
    """Return why a URL may not be asked for this object, '' where it may."""
    return outside.denied_because(url, s.settings.allowed_urls, s.deployment.metadata.namespace)


def names_of(s: DeploymentSnapshot, stable: str = NOBODY, canary: str = NOBODY) -> Names:
    """Return what stands for the placeholders; a revision that there is not yet is called none."""
    meta = s.deployment.metadata
    return Names(meta.namespace, meta.name, canary, stable)
