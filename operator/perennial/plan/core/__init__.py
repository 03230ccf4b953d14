"""What every decision is made of: plans, findings, chains of checks, conditions, questions."""

from perennial.plan.core.chain import Check, first
from perennial.plan.core.conditions import condition, settle, verdict, with_stall
from perennial.plan.core.finding import Blame, Finding
from perennial.plan.core.ownership import FIELD_MANAGER, MANAGED_BY, owned_by, owner_reference
from perennial.plan.core.plan import Deletion, Event, Plan
from perennial.plan.core.premise import Premise, lowers
from perennial.plan.core.requests import (
    REQUEST_ANNOTATION,
    REQUEST_LENGTH,
    request_of,
    too_long,
)
from perennial.plan.core.settings import Settings

__all__ = [
    "FIELD_MANAGER",
    "MANAGED_BY",
    "REQUEST_ANNOTATION",
    "REQUEST_LENGTH",
    "Blame",
    "Check",
    "Deletion",
    "Event",
    "Finding",
    "Plan",
    "Premise",
    "Settings",
    "condition",
    "first",
    "lowers",
    "owned_by",
    "owner_reference",
    "request_of",
    "settle",
    "too_long",
    "verdict",
    "with_stall",
]
