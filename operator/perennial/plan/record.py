"""One merge long: what moved."""

from perennial.plan.serving.children import child_name as child_name
from perennial.plan.serving.revision import Record as Record
from perennial.plan.serving.revision import as_written as as_written
from perennial.plan.serving.revision import counted as counted
from perennial.plan.serving.revision import newest as newest
from perennial.plan.serving.revision import surplus as surplus
