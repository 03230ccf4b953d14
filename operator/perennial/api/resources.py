"""What a container asks for and may use."""

from pydantic import Field

from perennial.api.common import ApiModel
from perennial.api.values import Quantity, rule

_WITHIN = rule(
    "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || "
    "!isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name])) || "
    "quantity(string(self.requests[name])).compareTo(quantity(string(self.limits[name]))) <= 0)",
    "a request must not be above its limit",
)


class Resources(ApiModel):
    """Requests and limits of a container."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": [_WITHIN]}}

    requests: dict[str, Quantity] = Field(
        {}, description="What is set aside for it, such as cpu: 500m, memory: 1Gi.", max_length=16
    )
    limits: dict[str, Quantity] = Field(
        {}, description="What it may use at most, such as nvidia.com/gpu: 1.", max_length=16
    )
