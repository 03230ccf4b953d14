"""One merge long: what moved."""

from perennial.plan.monitoring import MonitorSnapshot as MonitorSnapshot
from perennial.plan.monitoring import plan_monitor as plan_monitor
from perennial.plan.monitoring import questions as questions
from perennial.plan.monitoring import wants_windows as wants_windows
