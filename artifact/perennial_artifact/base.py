"""The base of every document in an artifact."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    """An immutable JSON document with camelCase keys; unknown keys are refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        ser_json_inf_nan="null",
    )

    def to_json(self) -> str:
        """Return the document as compact JSON, absent fields left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
