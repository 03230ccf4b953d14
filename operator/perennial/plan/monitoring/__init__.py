"""DriftMonitor: what is said of live traffic, and what is done about it."""

from perennial.plan.monitoring.actions.notify import message as notification
from perennial.plan.monitoring.counted import common_profile
from perennial.plan.monitoring.decision import is_to_ask_for_slices, plan_monitor
from perennial.plan.monitoring.questions import (
    newest_questions,
    outcome_questions,
    questions,
    request_questions,
    slice_questions,
    wants_windows,
)
from perennial.plan.monitoring.report_job import job_name
from perennial.plan.monitoring.snapshot import MonitorSnapshot

__all__ = [
    "MonitorSnapshot",
    "common_profile",
    "is_to_ask_for_slices",
    "job_name",
    "newest_questions",
    "notification",
    "outcome_questions",
    "plan_monitor",
    "questions",
    "request_questions",
    "slice_questions",
    "wants_windows",
]
