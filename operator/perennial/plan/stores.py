"""One merge long: what moved."""

from perennial.plan.pods.stores import ALLOWED_LABEL as ALLOWED_LABEL
from perennial.plan.pods.stores import ALLOWED_VALUE as ALLOWED_VALUE
from perennial.plan.pods.stores import LOOK_AGAIN_SECONDS as LOOK_AGAIN_SECONDS
from perennial.plan.pods.stores import denied as denied
from perennial.plan.pods.stores import no_original as no_original
from perennial.plan.pods.stores import no_right as no_right
from perennial.plan.pods.stores import not_allowed as not_allowed
from perennial.plan.pods.stores import not_ours as not_ours
from perennial.plan.pods.stores import opener as opener
from perennial.plan.pods.stores import refusal as refusal
