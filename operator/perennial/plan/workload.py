"""One merge long: what moved."""

from perennial.plan.serving.service import service as service
from perennial.plan.serving.template import recorded as recorded
from perennial.plan.serving.workload import image_of as image_of
from perennial.plan.serving.workload import workload as workload
