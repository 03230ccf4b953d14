"""The operator's configuration, from environment variables that the chart sets."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from perennial.plan.core import Settings
from perennial.plan.core.outside import AllowedUrl


@dataclass(frozen=True)
class Options:
    """How this process runs, apart from what decisions need."""

    namespace: str
    watch_namespaces: tuple[str, ...]
    lease: str
    health_port: int
    metrics_port: int
    store_secret: str
    """Name of the default store's Secret in the operator's own namespace."""
    store_namespaces: tuple[str, ...] = ()
    """Namespaces that may have the default store, besides those that are labelled."""


def read(environment: Mapping[str, str] | None = None) -> tuple[Settings, Options]:
    """Return settings for decisions and options for the process."""
    env = (os.environ if environment is None else environment).get

    def words(name: str, default: str = "") -> tuple[str, ...]:
        return tuple(w.strip() for w in env(name, default).split(",") if w.strip())

    secret = env("PERENNIAL_STORE_SECRET", "")
    settings = Settings(
        serving_image=env("PERENNIAL_SERVING_IMAGE", "perennial/serving:dev"),
        trainer_image=env("PERENNIAL_TRAINER_IMAGE", "perennial/trainer:dev"),
        image_pull_policy=env("PERENNIAL_IMAGE_PULL_POLICY", "IfNotPresent"),
        image_pull_secrets=words("PERENNIAL_IMAGE_PULL_SECRETS"),
        pod_user=int(user) if (user := env("PERENNIAL_POD_USER", "65532")) else None,
        store_uri=env("PERENNIAL_STORE_URI", ""),
        store_secret=secret,
        allowed_urls=tuple(
            AllowedUrl(str(a["url"]), tuple(a.get("namespaces", ())))
            for a in json.loads(env("PERENNIAL_ALLOWED_URLS", "") or "[]")
        ),
        log_ship_seconds=int(ship) if (ship := env("PERENNIAL_LOG_SHIP_SECONDS", "")) else None,
        schemes=frozenset(words("PERENNIAL_ALLOWED_SCHEMES", "s3,gs,az,pvc")),
    )
    options = Options(
        namespace=env("PERENNIAL_NAMESPACE", "perennial-system"),
        watch_namespaces=words("PERENNIAL_WATCH_NAMESPACES"),
        lease=env("PERENNIAL_LEASE_NAME", "perennial"),
        health_port=int(env("PERENNIAL_HEALTH_PORT", "8080")),
        metrics_port=int(env("PERENNIAL_METRICS_PORT", "9090")),
        store_secret=secret,
        store_namespaces=words("PERENNIAL_STORE_NAMESPACES"),
    )
    return settings, options
