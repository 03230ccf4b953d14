"""What all kinds share: the model base, metadata, conditions, references, value types."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)
from pydantic.alias_generators import to_camel

Json = dict[str, Any]


class ApiModel(BaseModel):
    """An immutable piece of the API: camelCase outside, unknown fields ignored on reading."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )

    def to_json(self) -> Json:
        """Return the plain JSON object as the API server stores it, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def rule(cel: str, message: str, **more: str) -> Json:
    """One CEL rule for ``x-kubernetes-validations``."""
    return {"rule": cel, "message": message, **more}


def _whole_seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


Time = Annotated[
    datetime,
    AfterValidator(_whole_seconds),
    PlainSerializer(lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str),
]
"""RFC 3339, UTC, whole seconds, as ``metav1.Time``."""

_DURATION = r"^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$"
_DURATION_MESSAGE = "write a duration such as 250ms, 30s, 5m or 1h30m"
Duration = Annotated[
    str,
    Field(
        pattern=_DURATION,
        min_length=2,
        max_length=32,
        json_schema_extra={"x-message": _DURATION_MESSAGE},
    ),
]
"""A length of time such as ``30s``, ``5m`` or ``1h30m``."""


def within(shortest: str = "", longest: str = "") -> Json:
    """Return the schema extension of a duration with bounds."""
    # Text that is no duration has its own message; duration() would only add a run-time error.
    known = f"!self.matches('{_DURATION}') || self.size() < 2 || duration(self)"
    rules = []
    if shortest:
        rules.append(rule(f"{known} >= duration('{shortest}')", f"must be at least {shortest}"))
    if longest:
        rules.append(rule(f"{known} <= duration('{longest}')", f"must be at most {longest}"))
    return {"x-message": _DURATION_MESSAGE, "x-kubernetes-validations": rules}


_UNITS = (("ms", 0.001), ("h", 3600.0), ("m", 60.0), ("s", 1.0))


def seconds(duration: str) -> float:
    """Return the length of a duration in seconds.

    Raises:
        ValueError: the text is not a duration such as ``1h30m``.
    """
    import re

    parts = re.findall(r"([0-9]+)(ms|h|m|s)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is not a duration; write it as 30s, 5m or 1h30m")
    scale = dict(_UNITS)
    return sum(int(number) * scale[unit] for number, unit in parts)


_SIZE = r"^[1-9][0-9]{0,9}(k|M|G|Ki|Mi|Gi)?$"
_SIZE_MESSAGE = "write a size in bytes such as 512Ki, 16Mi or 1Gi"
ByteSize = Annotated[
    str, Field(pattern=_SIZE, max_length=12, json_schema_extra={"x-message": _SIZE_MESSAGE})
]
"""A number of bytes as Kubernetes writes quantities."""


def sized(smallest: str, largest: str) -> Json:
    """Return the schema extension of a size with bounds."""
    known = f"!self.matches('{_SIZE}') || quantity(self).compareTo"
    rules = [
        rule(f"{known}(quantity('{smallest}')) >= 0", f"must be at least {smallest}"),
        rule(f"{known}(quantity('{largest}')) <= 0", f"must be at most {largest}"),
    ]
    return {"x-message": _SIZE_MESSAGE, "x-kubernetes-validations": rules}


_MULTIPLES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def byte_count(size: str) -> int:
    """Return the bytes of a size such as ``16Mi``.

    Raises:
        ValueError: the text is not a size.
    """
    import re

    if re.fullmatch(_SIZE, size) is None:
        raise ValueError(f"{size!r} is not a size; {_SIZE_MESSAGE}")
    digits = size.rstrip("kKMGi")
    return int(digits) * _MULTIPLES[size[len(digits) :]]


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

Text = Annotated[str, BeforeValidator(lambda text: str(text)[:1024]), Field(max_length=1024)]
"""A message for people; cut, never refused, when it is too long."""


class LocalRef(ApiModel):
    """A reference to an object in the same namespace."""

    name: ObjectName = Field(description="Name of the object in the same namespace.")


class Metadata(ApiModel):
    """The part of ``metav1.ObjectMeta`` that decisions need."""

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Condition(ApiModel):
    """One aspect of an object's state, as ``metav1.Condition``."""

    type: str = Field(description="Aspect, in CamelCase.", max_length=64)
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(description="One word in CamelCase for programs.", max_length=64)
    message: Text = Field("", description="A sentence for people.")
    last_transition_time: Time | None = Field(
        None, description="When the status last changed from one value to another."
    )
    observed_generation: int = Field(0, description="Generation that this condition is about.")


Conditions = Annotated[
    list[Condition],
    Field(
        description="The state of the object, one aspect each; Ready sums them up.",
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    ),
]


def _path(location: tuple[int | str, ...]) -> str:
    """Return where in a spec something is, as the API server writes it."""
    return "spec" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)


class Column(ApiModel):
    """A printer column of ``kubectl get``."""

    name: str
    json_path: str
    type: Literal["string", "integer", "number", "date", "boolean"] = "string"
    priority: int = 0
    description: str = ""


AGE = Column(name="Age", json_path=".metadata.creationTimestamp", type="date")


class Kind(ApiModel):
    """A custom resource: what it is called, and how kubectl shows it."""

    PLURAL: ClassVar[str]
    SHORT: ClassVar[str]
    COLUMNS: ClassVar[tuple[Column, ...]]
    SELECTABLE: ClassVar[tuple[str, ...]] = ()
    RULES: ClassVar[tuple[Json, ...]] = ()
    SCALE: ClassVar[Json | None] = None

    metadata: Metadata

    @classmethod
    def kind(cls) -> str:
        """Return the kind's name as YAML spells it."""
        return cls.__name__

    @classmethod
    def read(cls, body: Json) -> Self:
        """Return the typed object of what the API server sent."""
        return cls.model_validate(body)

    @classmethod
    def unreadable(cls, body: Json) -> tuple[str, str] | None:
        """Return why a spec cannot be followed, as a reason and a sentence; None where it can.

        Either it has a member that only a newer operator knows (CRDs are upgraded first), which
        must not be passed over; or the API server took what is none of what the schema means.
        """
        spec: Any = cls.model_fields["spec"].annotation
        try:
            spec.model_validate(body.get("spec", {}), extra="forbid")
        except ValidationError as error:
            found = [(_path(e["loc"]), e["type"] == "extra_forbidden", e["msg"])
                     for e in error.errors()]  # fmt: skip
        else:
            return None
        if unknown := [path for path, is_unknown, _ in found if is_unknown]:
            told = f"this operator does not know {', '.join(unknown[:5])}"
            return "UnknownField", f"{told}: upgrade the operator, or take it out"
        path, _, why = found[0]
        return "Unreadable", f"{path}: {why}"

    @property
    def key(self) -> tuple[str, str]:
        """``(namespace, name)``."""
        return self.metadata.namespace, self.metadata.name
