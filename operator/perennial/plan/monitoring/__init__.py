"""DriftMonitor: what is said of live traffic, and what is done about it."""

from perennial.plan.monitoring.actions.notify import message as notification
from perennial.plan.monitoring.counted import common_profile
from perennial.plan.monitoring.decision import plan_monitor
from perennial.plan.monitoring.questions import (
    outcome_questions,
    questions,
    request_questions,
    wants_windows,
)
from perennial.plan.monitoring.report_job import job_name
from perennial.plan.monitoring.snapshot import MonitorSnapshot

__all__ = [
    "MonitorSnapshot",
    "common_profile",
    "job_name",
    "notification",
    "outcome_questions",
    "plan_monitor",
    "questions",
    "request_questions",
    "wants_windows",
]
