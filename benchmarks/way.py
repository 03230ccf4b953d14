"""How the requests of a rollout are divided: by pods, or with ``TRAFFIC=gateway`` by a Gateway."""

import os
from typing import Any

from trial import NAME

from flights import demo
from localcluster import gateway

BY_PODS = f"{NAME}.{demo.NAMESPACE}"
THROUGH = f"{gateway.NAME}.{gateway.NAMESPACE}"
IS_GATEWAY = os.environ.get("TRAFFIC") == "gateway"

TRAFFIC: dict[str, Any] | None = None
"""What the ModelDeployment asks for."""
if IS_GATEWAY:
    PARENT = {"name": gateway.NAME, "namespace": gateway.NAMESPACE}
    TRAFFIC = {"gateway": {"parentRefs": [PARENT], "hostnames": [THROUGH]}}

URL = f"http://{THROUGH if IS_GATEWAY else BY_PODS}/v2/models/{NAME}/infer"
"""Where clients ask."""
