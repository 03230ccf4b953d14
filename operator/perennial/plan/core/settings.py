"""What the chart configures, as far as decisions need it."""

from dataclasses import dataclass, field

from perennial.plan.core.finding import Finding
from perennial.plan.core.outside import AllowedUrl


@dataclass(frozen=True)
class Settings:
    """What the chart configures, as far as decisions need it."""

    serving_image: str = "perennial/serving:dev"
    trainer_image: str = "perennial/trainer:dev"
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    pod_user: int | None = 65532
    """User and group of the pods; None leaves them to the cluster, as OpenShift wants it."""
    store_uri: str = ""
    store_secret: str = ""
    """Name, in the object's own namespace, of the default store's Secret."""
    store_denied: Finding | None = None
    """Why that Secret is not in the object's namespace; None: it is."""
    schemes: frozenset[str] = field(default=frozenset({"s3", "gs", "az", "pvc"}))
    allowed_urls: tuple[AllowedUrl, ...] = ()
    """What models may ask beside our own pods; none by default."""
    log_ship_seconds: int | None = None
    """How often pods bring their request logs to the store; None leaves it to them."""
    cluster_domain: str = "svc"
