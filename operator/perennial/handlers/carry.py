"""Carry a plan out: each write by itself, then the status, then what is to be told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, Protocol

from perennial.api.common import ApiModel, Kind
from perennial.api.fit import fit
from perennial.api.values import Json
from perennial.cluster.client import Outdated, WriteRefused
from perennial.cluster.metrics import tell_conditions
from perennial.cluster.queue import Later
from perennial.plan.core import Deletion, Event, Plan, Premise
from perennial.plan.core.refusal import Refusal, finding, with_refusals

log = logging.getLogger("perennial.controller")


class Writer(Protocol):
    """What writes to the API server; a refused write raises WriteRefused."""

    async def create(self, wanted: Json) -> bool:
        """Create an object unless there is one of its name; tell whether it wrote."""

    async def apply(self, wanted: Json, premise: Premise | None = None) -> bool:
        """Apply an object; tell whether it wrote."""

    async def delete(self, deletion: Deletion, premise: Premise | None = None) -> object:
        """Delete an object."""

    async def write_status(self, owner: Kind, status: ApiModel) -> bool:
        """Write a status where it differs; tell whether it wrote."""

    async def emit(self, owner: Kind, event: Event, now: datetime) -> None:
        """Write an Event about an object."""


async def carry_out(cluster: Writer, owner: Kind, plan: Plan, now: datetime) -> None:
    """Create, apply, delete, write the status, then tell: an event is about what has happened.

    A refused write is a fact: the others still happen, and the status says what was refused.

    Raises:
        Later: something was refused, and is to be tried again.
        Outdated: something was left out, or not recorded: it is to be decided anew.
    """
    refused: list[WriteRefused] = []
    outdated: list[Outdated] = []
    for record in plan.create:
        await _noted(cluster.create(record), refused, outdated)
    for wanted in plan.apply:
        await _noted(cluster.apply(wanted, plan.premise), refused, outdated)
    for deletion in plan.delete:
        await _noted(cluster.delete(deletion, plan.premise), refused, outdated)
    status, events = plan.status, plan.events
    refusals: list[Refusal] = [error.refusal for error in refused]
    if refusals and status is not None:
        present = getattr(owner, "status").conditions  # noqa: B009
        status, event = with_refusals(present, status, refusals, now)
        events = (*events, event)
    recorded: Any = status or getattr(owner, "status")  # noqa: B009
    tell_conditions(owner.kind(), *owner.key, recorded.conditions)
    if status is not None and (refusals or not plan.may_wait):
        is_same = status == getattr(owner, "status", None)  # which fits, as it was read
        try:
            await cluster.write_status(owner, status if is_same else fit(status))
        except WriteRefused as error:
            refused.append(error)
    if len(refused) > len(refusals):
        # What was decided is not recorded, so that it is decided again: only this is said.
        unwritten = finding([refused[-1].refusal])
        events = (Event(unwritten.reason, unwritten.message, "Warning"),)
    for event in events:
        await _tell(cluster, owner, event, now)
    if refused:
        message = "; ".join(str(error) for error in refused)
        raise Later(message, max(e.after for e in refused), plan.requeue_after)
    if outdated:
        raise outdated[0]


async def _noted(
    write: Awaitable[object], refused: list[WriteRefused], outdated: list[Outdated]
) -> None:
    try:
        await write
    except WriteRefused as error:
        refused.append(error)
    except Outdated as error:
        outdated.append(error)


async def _tell(cluster: Writer, owner: Kind, event: Event, now: datetime) -> None:
    """Write an Event; where Events are refused, the log has to do."""
    about = {"kind": owner.kind(), "object": "/".join(owner.key), "reason": event.reason}
    log.info(event.message, extra=about)
    try:
        await cluster.emit(owner, event, now)
    except WriteRefused as error:
        log.warning("the Event was refused: %s", error, extra=about)
