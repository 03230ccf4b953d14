"""What our containers are given: resources and environment variables."""

from perennial.api.resources import Resources
from perennial.api.values import Json


def resources(asked: Resources | None, otherwise: Json) -> Json:
    """Return a container's requests and limits: as they were written, else the usual ones."""
    written = asked.model_dump(by_alias=True, exclude_defaults=True) if asked is not None else {}
    return written or otherwise


def environment(**values: str) -> list[Json]:
    """Return environment variables of our own programs."""
    return [{"name": f"PERENNIAL_{key}", "value": value} for key, value in values.items()]
