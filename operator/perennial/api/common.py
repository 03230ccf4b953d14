"""What all kinds share: the model base, metadata, conditions, references."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from perennial.api.values import Json, ObjectName, Text, Time


class ApiModel(BaseModel):
    """An immutable piece of the API: camelCase outside, unknown fields ignored on reading."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )

    def to_json(self) -> Json:
        """Return the plain JSON object as the API server stores it, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


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
            message = f"this operator does not know {', '.join(unknown[:5])}"
            return "UnknownField", f"{message}: upgrade the operator, or take it out"
        path, _, why = found[0]
        return "Unreadable", f"{path}: {why}"

    @property
    def key(self) -> tuple[str, str]:
        """``(namespace, name)``."""
        return self.metadata.namespace, self.metadata.name
