"""One merge long: what moved."""

from perennial.plan.version import VersionSnapshot as VersionSnapshot
from perennial.plan.version import plan_version as plan_version
