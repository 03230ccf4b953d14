"""One merge long: what moved."""

from perennial.api.values import quantity as quantity
