"""Say of an object that it cannot be followed; its children and the rest of its status stay."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from perennial.api.common import Condition, Metadata
from perennial.cluster.client import Unreadable
from perennial.cluster.metrics import tell_conditions
from perennial.handlers.carry import Writer, carry_out
from perennial.plan.core import Event, Plan, condition, settle

log = logging.getLogger("perennial.controller")


async def stall(cluster: Writer, found: Unreadable, now: datetime) -> None:
    """Write that an object is stalled, and why.

    Raises:
        Later: the status was refused.
    """
    metadata = Metadata.model_validate(found.body["metadata"])
    status_model: Any = found.kind.model_fields["status"].annotation
    try:
        status = status_model.model_validate(found.body.get("status", {}))
    except ValidationError as error:
        # What cannot be read must not be written over.
        log.error("the status of %s cannot be read: %s", found, error)
        stalls = [condition("Stalled", True, found.reason, found.message)]
        tell_conditions(found.kind.kind(), metadata.namespace, metadata.name, stalls)
        return
    owner = found.kind.model_construct(metadata=metadata, status=status)
    generation = metadata.generation
    kept = {c.type: c for c in status.conditions}
    stalled = {
        "Ready": condition("Ready", False, found.reason, found.message),
        "Reconciling": condition("Reconciling", False, "Stalled"),
        "Stalled": condition("Stalled", True, found.reason, found.message),
    }
    wanted: list[Condition] = list({**kept, **stalled}.values())
    conditions = settle(status.conditions, wanted, generation, now)
    after = status.model_copy(update={"conditions": conditions, "observed_generation": generation})
    before = kept.get("Stalled")
    known = before is not None and before.status == "True" and before.message == found.message
    events = () if known else (Event(found.reason, found.message, "Warning"),)
    await carry_out(cluster, owner, Plan(status=after, events=events), now)
