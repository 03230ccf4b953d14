"""DriftMonitor: what is said of live traffic, and what is done about it."""

from perennial.plan.monitoring.actions.notify import given_up
from perennial.plan.monitoring.actions.notify import message as notification
from perennial.plan.monitoring.cohorts import performance_patience
from perennial.plan.monitoring.counted import common_profile, thinned
from perennial.plan.monitoring.decision import plan_monitor, refutable
from perennial.plan.monitoring.questions import (
    newest_questions,
    outcome_questions,
    questions,
    request_questions,
    slice_questions,
    wants_windows,
)
from perennial.plan.monitoring.reports import job_looked_for
from perennial.plan.monitoring.snapshot import MonitorSnapshot

__all__ = [
    "MonitorSnapshot",
    "common_profile",
    "given_up",
    "job_looked_for",
    "newest_questions",
    "notification",
    "outcome_questions",
    "performance_patience",
    "plan_monitor",
    "questions",
    "refutable",
    "request_questions",
    "slice_questions",
    "thinned",
    "wants_windows",
]
