"""A status is cut to what its schema can hold."""

from collections.abc import Iterable
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from annotated_types import MaxLen
from builders import NOW, later
from pydantic import BaseModel, ValidationError

from perennial.api import KINDS
from perennial.api.common import Kind
from perennial.api.deployment import AnalysisStatus, DeploymentStatus, Rejection
from perennial.api.fit import fit
from perennial.api.monitor import MonitorStatus


def test_lists_keep_their_end_and_texts_their_beginning() -> None:
    found = {**AnalysisStatus().__dict__, "missing": ["p"] * 300, "judged_until": NOW}
    analysis = AnalysisStatus.model_construct(**found)
    rejected = [
        Rejection(revision=f"r{n}", version="", reason="R", message="m", time=NOW) for n in range(9)
    ]
    long = {"paused": "P" * 99, "selector": "s" * 2000}
    status = DeploymentStatus().having(analysis=analysis, rejected=rejected, **long)
    cut = fit(status)
    assert [r.revision for r in cut.rejected] == ["r4", "r5", "r6", "r7", "r8"]
    assert cut.analysis is not None and len(cut.analysis.missing) == 8
    assert len(cut.paused) == 64
    DeploymentStatus.model_validate(cut.to_json())


def test_what_fits_is_the_same_object() -> None:
    status = MonitorStatus(action_times=[later(n) for n in range(5)])
    assert fit(status) is status


def overfull(wanted: Any, longest: int | None = None) -> Any:
    """Return a value of a type with more than its schema holds wherever it may grow."""
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        fields = wanted.model_fields.items()
        return wanted.model_construct(
            **{name: overfull(f.annotation, bound(f.metadata)) for name, f in fields}
        )
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        within = [m for part in inner[1:] for m in getattr(part, "metadata", [part])]
        return overfull(inner[0], longest if bound(within) is None else bound(within))
    if origin in (Union, UnionType):
        return overfull(next(part for part in inner if part is not NoneType), longest)
    if origin is Literal:
        return inner[0]
    many = (longest or 0) + 3
    if origin is list:
        return [overfull(inner[0]) for _ in range(many)]
    if origin is dict:
        return {f"k{n}": overfull(inner[1]) for n in range(many)}
    plain = {str: "a" * ((longest or 0) + 10), datetime: NOW, int: 1, float: 0.5, bool: True}
    return plain.get(wanted, {"any": "thing"})


def bound(metadata: Iterable[Any]) -> int | None:
    return next((m.max_length for m in metadata if isinstance(m, MaxLen)), None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.kind())
def test_whatever_grows_in_a_status_is_cut_to_what_can_be_stored(kind: type[Kind]) -> None:
    status: Any = kind.model_fields["status"].annotation
    more = overfull(status)
    with pytest.raises(ValidationError):
        status.model_validate(more.to_json())
    assert status.model_validate(fit(more).to_json()).observed_generation == 1
