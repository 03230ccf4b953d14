"""Names, digests, places and sentences."""

from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

Name = Annotated[
    str,
    Field(
        max_length=63,
        min_length=1,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        json_schema_extra={
            "x-message": "use lower-case letters, digits and dashes, such as team-a-2"
        },
    ),
]
"""An RFC 1123 label."""

ObjectName = Annotated[
    str,
    Field(
        max_length=253,
        min_length=1,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        json_schema_extra={
            "x-message": "write the name of an object: lower-case letters, digits, dashes and dots"
        },
    ),
]
"""An RFC 1123 subdomain: what Secrets, for one, may be called."""

ScorerName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z][a-z0-9_]*$",
        json_schema_extra={
            "x-message": "write a scikit-learn scorer's name, such as roc_auc or "
            "neg_mean_absolute_error"
        },
    ),
]

Sha256 = Annotated[
    str,
    Field(
        min_length=64,
        max_length=64,
        pattern=r"^[0-9a-f]{64}$",
        json_schema_extra={"x-message": "write a SHA-256 as 64 hexadecimal digits in lower case"},
    ),
]

Uri = Annotated[str, Field(min_length=1, max_length=1024)]


def _cut(text: object) -> str:
    return str(text)[:1024]


Text = Annotated[
    str, BeforeValidator(_cut), Field(max_length=1024), PlainSerializer(_cut, return_type=str)
]
"""A message for people; cut, never refused, when it is too long: also of a copy with another."""

HeaderName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        pattern=r"^[A-Za-z0-9!#$%&'*+\-.^_|~]+$",
        json_schema_extra={"x-message": "write the name of an HTTP header, such as x-canary"},
    ),
]
