"""Labels' and annotations' keys and values."""

from typing import Annotated

from pydantic import Field

from perennial.api.values.rules import rule

_KEY = "([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
VALID_KEYS = rule(
    f"self.all(key, size(key) <= 317 && key.matches('^{_KEY}$'))",
    "write a key as team or example.com/team: letters, digits, dashes, dots and underscores",
)
FOREIGN_KEYS = rule(
    "self.all(key, !key.startsWith('perennial.dev/'))",
    "labels under perennial.dev/ belong to the operator: use another prefix",
)

LabelValue = Annotated[
    str,
    Field(
        max_length=63,
        pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
        json_schema_extra={
            "x-message": "write a label's value: at most 63 letters, digits, dashes, dots and "
            "underscores"
        },
    ),
]
Word = Annotated[str, Field(max_length=253)]
