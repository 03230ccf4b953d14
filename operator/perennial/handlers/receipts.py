"""The keys of receipts: made where a ModelDeployment wants one, and never read."""

from __future__ import annotations

import secrets
import time

from kubernetes.aio.client.exceptions import ApiException

from perennial.api.deployment import ModelDeployment
from perennial.cluster.client import Cluster, sentence
from perennial.cluster.queue import Later
from perennial.plan.core import FIELD_MANAGER, Finding
from perennial.plan.serving.receipts import KEY_BYTES, key_secret, no_key, wants_key

THERE_SECONDS = 600.0
"""One that was deleted is made again after so long, if the object is looked at."""
REFUSED_SECONDS = 30.0
LATEST_SECONDS = 5.0
NOT_YET_KNOWN = "cannot find RESTMapping"
"""What the API server says of an owner whose kind was defined seconds ago: it learns of it soon."""


class ReceiptKeys:
    """Makes the keys of ModelDeployments.

    To create is all the right it takes: whether a key is there is learned by trying to make one,
    and then remembered.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, float, Finding | None]] = {}

    async def missing(self, cluster: Cluster, deployment: ModelDeployment) -> Finding | None:
        """Make the key of a ModelDeployment unless it has one; return why there is none.

        Raises:
            ApiException: the API server did not answer.
            Later: it does not know our kinds yet.
        """
        meta = deployment.metadata
        if not wants_key(deployment.spec.serving):
            return None
        key = (meta.namespace, meta.name)
        uid, until, known = self._known.get(key, ("", 0.0, None))
        if uid == meta.uid and time.monotonic() < until:
            return known
        found: Finding | None = None
        try:
            body = key_secret(deployment, secrets.token_bytes(KEY_BYTES))
            path = Cluster.path("v1", "Secret", meta.namespace)
            await cluster.call("POST", path, {"fieldManager": FIELD_MANAGER}, body)
        except ApiException as error:
            if not 400 <= error.status < 500 or error.status == 429:
                raise
            if error.status == 403 and NOT_YET_KNOWN in sentence(error):
                # Pods that started without a key would give no receipts for as long as they live.
                message = "the API server does not know ModelDeployments yet, so no key is made"
                raise Later(message, at_most=LATEST_SECONDS) from error
            if error.status != 409:  # it is there
                found = no_key(meta.name, sentence(error))
        seconds = THERE_SECONDS if found is None else REFUSED_SECONDS
        self._known[key] = (meta.uid, time.monotonic() + seconds, found)
        return found

    def forget(self, namespace: str, name: str) -> None:
        """Remember nothing of a ModelDeployment that is gone."""
        self._known.pop((namespace, name), None)
