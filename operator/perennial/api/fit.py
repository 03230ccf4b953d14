"""Cut a status to what its schema can hold: what is refused once would be refused for ever."""

from typing import Any, TypeVar

from annotated_types import MaxLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Model = TypeVar("Model", bound=BaseModel)


def fit(model: Model) -> Model:
    """Return the model with texts, lists and maps cut to their longest; of lists the end stays."""
    changes = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        fitted = _fit(value, _longest(field))
        if fitted is not value:
            changes[name] = fitted
    return model.model_copy(update=changes) if changes else model


def _longest(field: FieldInfo) -> int | None:
    return next((m.max_length for m in field.metadata if isinstance(m, MaxLen)), None)


def _fit(value: Any, longest: int | None) -> Any:
    if isinstance(value, BaseModel):
        return fit(value)
    if isinstance(value, list):
        kept = [_fit(item, None) for item in value]
        kept = kept if longest is None else kept[-longest:]
        same = len(kept) == len(value) and all(a is b for a, b in zip(kept, value, strict=True))
        return value if same else kept
    if longest is None or not isinstance(value, str | dict) or len(value) <= longest:
        return value
    return value[:longest] if isinstance(value, str) else dict(list(value.items())[:longest])
