"""Cut a status to what its schema can hold: what is refused once would be refused for ever."""

from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from annotated_types import MaxLen
from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


def fit(model: Model) -> Model:
    """Return the model with texts, lists and maps cut to their longest; of lists the end stays."""
    changes = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        longest = _longest(field.metadata) or _longest_if_given(field.annotation)
        fitted = _fit(value, longest, _longest_item(field.annotation))
        if fitted is not value:
            changes[name] = fitted
    return model.model_copy(update=changes) if changes else model


def _longest(metadata: Iterable[Any]) -> int | None:
    return next((m.max_length for m in metadata if isinstance(m, MaxLen)), None)


def _longest_if_given(annotation: Any) -> int | None:
    """Return how long a text may be that may also be absent."""
    if get_origin(annotation) not in (Union, UnionType):
        return None
    return next((n for part in get_args(annotation) if (n := _longest_text(part))), None)


def _longest_item(annotation: Any) -> int | None:
    """Return how long the texts of a list may be."""
    if get_origin(annotation) is not list:
        return None
    (item,) = get_args(annotation)
    return _longest_text(item)


def _longest_text(annotation: Any) -> int | None:
    if get_origin(annotation) is not Annotated:
        return None
    found = (m for part in get_args(annotation)[1:] for m in getattr(part, "metadata", (part,)))
    return _longest(found)


def _fit(value: Any, longest: int | None, longest_item: int | None = None) -> Any:
    if isinstance(value, BaseModel):
        return fit(value)
    if isinstance(value, list):
        kept = [_fit(item, longest_item) for item in value]
        kept = kept if longest is None else kept[-longest:]
        same = len(kept) == len(value) and all(a is b for a, b in zip(kept, value, strict=True))
        return value if same else kept
    if longest is None or not isinstance(value, str | dict) or len(value) <= longest:
        return value
    return value[:longest] if isinstance(value, str) else dict(list(value.items())[:longest])
