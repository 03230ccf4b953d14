"""One replica works at a time: leader election by a Lease, as every controller does."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ClientError
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.baselock import BaseLock

from perennial.api.values import Json
from perennial.cluster.client import Cluster, NotLeading
from perennial.cluster.health import Readiness
from perennial.cluster.metrics import LEADER

log = logging.getLogger("perennial.leader")

LEASE = ("coordination.k8s.io/v1", "Lease")
OUT_OF_REACH = (ClientError, TimeoutError, OSError)
# client-go's defaults.
LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS = 15, 10, 2
REQUEST_SECONDS = 4.0
"""For one request about the Lease: several fit into the time in which it must be renewed."""
MARGIN_SECONDS = 1.0
"""Writes end so long before others may take the Lease."""


class _Lock(BaseLock):  # type: ignore[misc]
    """A Lease, read and written for the elector; an API server out of reach counts as a refusal.

    The client library's own lock cannot create a Lease (37.0 refuses its own argument).
    """

    def __init__(
        self, cluster: Cluster, name: str, namespace: str, identity: str, touch: Callable[[], None]
    ) -> None:
        super().__init__(name, namespace, identity)
        self._cluster, self._touch = cluster, touch
        self._lease: Json = {}

    async def get(self, name: str, namespace: str) -> Any:
        try:
            path = self._cluster.path(*LEASE, namespace, name)
            self._lease = await self._cluster.call("GET", path, seconds=REQUEST_SECONDS)
        except ApiException as error:
            return False, error
        except OUT_OF_REACH as error:
            return False, ApiException(status=0, reason=str(error))
        self._touch()
        spec = self._lease.get("spec", {})
        duration = str(spec.get("leaseDurationSeconds", "")) or None
        times = (spec.get("acquireTime"), spec.get("renewTime"))
        return True, LeaderElectionRecord(spec.get("holderIdentity") or None, duration, *times)

    async def create(self, name: str, namespace: str, election_record: Any) -> bool:
        self._lease = {
            "apiVersion": LEASE[0],
            "kind": LEASE[1],
            "metadata": {"name": name, "namespace": namespace},
        }
        return await self._write("POST", "", election_record)

    async def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        return await self._write("PUT", name, updated_record)

    async def give_back(self) -> None:
        """Leave the Lease without a holder, where it is ours."""
        found, record = await self.get(self.name, self.namespace)
        if found and record.holder_identity == self.identity:
            record.holder_identity = ""
            await self._write("PUT", self.name, record)

    async def _write(self, verb: str, name: str, record: Any) -> bool:
        # With the version that was read, so that of two replicas one is refused.
        self._lease["spec"] = {
            "holderIdentity": record.holder_identity,
            "leaseDurationSeconds": int(float(record.lease_duration)),
            "acquireTime": _micro_time(record.acquire_time),
            "renewTime": _micro_time(record.renew_time),
        }
        path = self._cluster.path(*LEASE, self.namespace, name)
        began = time.monotonic()
        try:
            self._lease = await self._cluster.call(
                verb, path, body=self._lease, seconds=REQUEST_SECONDS
            )
        except (ApiException, NotLeading, *OUT_OF_REACH) as error:
            log.warning("the Lease could not be written: %s", error)
            return False
        self._touch()
        # From before it was asked for: the answer may have come late, the time counts from then.
        if record.holder_identity == self.identity:
            self._cluster.leads_until = began + LEASE_SECONDS - MARGIN_SECONDS
        return True

    async def runs_out(self) -> None:
        """Wait until the Lease, not renewed, has run out, by a clock that never jumps."""
        while True:
            left = (self._cluster.leads_until or 0.0) - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(left)


def _micro_time(text: str) -> str:
    """Return a time as a Lease keeps it, from the elector's text (UTC) or the Lease's own."""
    return text if text.endswith("Z") else text.replace(" ", "T") + "Z"


async def lead(
    cluster: Cluster,
    name: str,
    namespace: str,
    work: Callable[[asyncio.Event], Awaitable[None]],
    stopping: asyncio.Event,
    readiness: Readiness,
) -> None:
    """Wait for the Lease, then work until told to stop or until the Lease is lost.

    Args:
        work: Gets an event that asks it to end, and ends soon after.
        stopping: Set when the process is told to stop; the Lease is then given back, so that
            the next replica need not wait for it to run out.
        readiness: Is told of the Lease.

    Raises:
        RuntimeError: the Lease was lost. The process must end, since another one works now.
    """
    identity = os.environ.get("HOSTNAME", "perennial")
    lock = _Lock(cluster, name, namespace, identity, readiness.touch)
    leading, ended = asyncio.Event(), asyncio.Event()

    async def started() -> None:
        leading.set()

    async def stopped() -> None:
        ended.set()

    config = Config(lock, LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, started, stopped)
    election = asyncio.create_task(LeaderElection(config).run())
    LEADER.labels(name).set(0)
    try:
        await _first(election, leading, stopping)
        if stopping.is_set():
            return
        readiness.leads = True
        LEADER.labels(name).set(1)
        log.info("this replica leads", extra={"lease": f"{namespace}/{name}"})
        working = asyncio.create_task(_await(work(ended)))
        late = asyncio.create_task(_ends(lock, ended))
        await _first(working, ended, stopping)
        lost = ended.is_set()
        ended.set()
        late.cancel()
        await working
        if lost:
            raise RuntimeError(f"the Lease {namespace}/{name} was lost")
    finally:
        election.cancel()
        LEADER.labels(name).set(0)
        if leading.is_set():
            await lock.give_back()


async def _ends(lock: _Lock, ended: asyncio.Event) -> None:
    """End the work when the Lease has run out, whatever the elector waits for."""
    await lock.runs_out()
    log.error("the Lease was not renewed in time")
    ended.set()


async def _await(awaitable: Awaitable[None]) -> None:
    await awaitable


async def _first(task: asyncio.Task[None], *events: asyncio.Event) -> None:
    """Wait for a task or an event; a task that failed raises here."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait([task, *waits], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if task.done():
        task.result()
