"""Carry a plan out."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Protocol

from perennial.api.base import ApiModel, Json, Kind
from perennial.plan.core import Deletion, Event, Plan

log = logging.getLogger("perennial.controller")


class Writer(Protocol):
    """What writes to the API server."""

    async def apply(self, wanted: Json) -> bool:
        """Apply an object; tell whether it wrote."""

    async def delete(self, deletion: Deletion) -> None:
        """Delete an object."""

    async def write_status(self, owner: Kind, status: ApiModel) -> bool:
        """Write a status where it differs; tell whether it wrote."""

    async def emit(self, owner: Kind, event: Event, now: datetime) -> None:
        """Write an Event about an object."""


async def carry_out(cluster: Writer, owner: Kind, plan: Plan, now: datetime) -> None:
    """Apply, delete, write the status, then tell: an event is about what has happened."""
    for wanted in plan.apply:
        await cluster.apply(wanted)
    for deletion in plan.delete:
        await cluster.delete(deletion)
    if plan.status is not None:
        await cluster.write_status(owner, plan.status)
    for event in plan.events:
        log.info(
            event.message,
            extra={"kind": owner.kind(), "object": "/".join(owner.key), "reason": event.reason},
        )
        await cluster.emit(owner, event, now)
