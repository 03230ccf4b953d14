"""Whose numbers are asked for, and which addresses may be asked for them."""

from perennial.plan.core.outside import host_of, is_allowed
from perennial.plan.rollout.analysis.sources.source import NOBODY, Names
from perennial.plan.rollout.snapshot import DeploymentSnapshot


def denied_because(s: DeploymentSnapshot, url: str) -> str:
    """Return why a URL may not be asked for this object, '' where it may."""
    namespace = s.deployment.metadata.namespace
    if is_allowed(url, s.settings.allowed_urls, namespace):
        return ""
    if not (host := host_of(url)):
        return (
            "its URL is none that is asked: write http://HOST:PORT/PATH, with what is not plain "
            "in it percent-encoded"
        )
    return (
        f"the chart does not let namespace {namespace} ask this URL of {host}: let a cluster "
        "administrator add it to the value allowedUrls"
    )


def names_of(s: DeploymentSnapshot, stable: str = NOBODY, canary: str = NOBODY) -> Names:
    """Return what stands for the placeholders; a revision that there is not yet is called none."""
    meta = s.deployment.metadata
    return Names(meta.namespace, meta.name, canary, stable)
