"""One reconcile: observe, ask, plan, carry out."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from kubernetes.aio.client.exceptions import ApiException

from perennial.cluster import metrics
from perennial.cluster.client import Cluster, Outdated, Unreadable
from perennial.cluster.queue import Key, Later
from perennial.handlers.carry import carry_out
from perennial.handlers.namespaces import listable
from perennial.handlers.observe import OBSERVERS, observe_and_plan
from perennial.handlers.store import StoreAccess
from perennial.handlers.unreadable import stall
from perennial.plan.core import Settings
from perennial.settings import Options
from perennial.sources.pods import Pods
from perennial.sources.web import Web

ANEW_SECONDS = 0.1
"""When what has changed meanwhile is decided anew: soon, but not as fast as it may change again."""


class Controller:
    """Reconciles any of our kinds by its key."""

    def __init__(
        self,
        cluster: Cluster,
        pods: Pods,
        settings: Settings,
        options: Options,
        web: Web | None = None,
    ) -> None:
        self._cluster, self._pods, self._web = cluster, pods, web or Web()
        self._settings, self._options = settings, options
        self.store = StoreAccess(cluster, options)

    async def reconcile(self, key: Key) -> float | None:
        """Bring one object closer to what it asks for; return when to look again, in seconds."""
        began = time.monotonic()
        result = "error"
        now = datetime.now(UTC)
        try:
            opens = OBSERVERS[key.kind].opens_store
            denied = await self.store.denied(key.namespace) if opens else None
            settings = replace(self._settings, store_denied=denied)
            decided = await observe_and_plan(
                self._cluster, self._pods, key, settings, now, self._web
            )
            if decided is None:
                result = "success"
                metrics.forget(*key)
                self.store.forget(key.namespace)  # which may be going with its objects
                return None
            owner, plan = decided
            await carry_out(self._cluster, owner, plan, now)
            result = "requeue_after" if plan.requeue_after is not None else "success"
            return plan.requeue_after
        except Outdated:
            result = "conflict"
            return ANEW_SECONDS
        except Unreadable as found:
            result = "unreadable"
            await stall(self._cluster, found, now)
            return None
        except Later:
            result = "refused"
            raise
        except ApiException as error:
            if error.status != 403 or not await self._is_gone(key.namespace):
                raise
            result = "success"
            OBSERVERS[key.kind].forget(key.namespace, key.name)
            metrics.forget(*key)
            return None
        finally:
            if result in ("success", "requeue_after"):
                metrics.LAST_SUCCESS.set(now.timestamp())
            metrics.RECONCILE_TOTAL.labels(key.kind, result).inc()
            metrics.RECONCILE_SECONDS.labels(key.kind).observe(time.monotonic() - began)

    async def _is_gone(self, namespace: str) -> bool:
        """Tell whether a namespace that was named was deleted: the right to look goes with it."""
        named = namespace in self._options.watch_namespaces
        return named and not await listable(self._cluster, (namespace,))
