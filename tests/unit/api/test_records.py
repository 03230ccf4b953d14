"""A record that stands in an artifact, or in run.json, is the same in the API."""

from typing import Any

import msgspec
import pytest

from perennial.api import training, version
from perennial.api.common import ApiModel
from perennial_artifact import manifest, result
from perennial_artifact.base import Document

RECORDS: list[tuple[type[ApiModel], type[Document]]] = [
    (version.Metric, manifest.Metric),
    (version.DatasetRecord, manifest.DatasetRecord),
    (version.Tensor, manifest.Tensor),
    (version.Signature, manifest.Signature),
]
WRITTEN: list[tuple[type[ApiModel], type[Document], set[str]]] = [
    (training.Split, result.SplitSpec, {"gap", "gapSeconds"}),  # a duration, and seconds
    (
        training.Dataset,
        result.DatasetSpec,
        # A Secret is mounted, and a duration becomes a moment.
        {"secretRef", "newest", "since"},
    ),
    (training.DeclaredColumn, result.ColumnSpec, set()),
    (training.SearchSpace, result.SearchSpaceSpec, set()),
    (training.Search, result.SearchSpec, set()),
    (training.Candidate, result.CandidateSpec, set()),
    (training.Objective, result.ObjectiveSpec, set()),
]


def plain(raw: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema takes, in the same words whoever wrote it."""
    if "$ref" in raw:
        found = plain(definitions[raw["$ref"].removeprefix("#/$defs/")], definitions)
    elif "anyOf" in raw:
        (real,) = (option for option in raw["anyOf"] if option.get("type") != "null")
        found = {**plain(real, definitions), "may be absent": True}
    else:
        found = {key: raw[key] for key in ("type", "maxLength", "maxItems") if key in raw}
        if "pattern" in raw:
            found.pop("maxLength", None)  # the pattern has its length
        if "items" in raw:
            found["items"] = plain(raw["items"], definitions)
        for name, field in raw.get("properties", {}).items():
            found[name] = plain(field, definitions)
        if raw.get("required"):
            found["required"] = sorted(raw["required"])
    return {**found, "default": raw["default"]} if "default" in raw else found


def schema_of(model: type[ApiModel] | type[Document]) -> dict[str, Any]:
    if issubclass(model, ApiModel):
        raw = model.model_json_schema(by_alias=True)
    else:
        raw = msgspec.json.schema(model)
    return plain(raw, raw.get("$defs", {}))


@pytest.mark.parametrize("pair", RECORDS, ids=lambda pair: pair[0].__name__)
def test_records_agree_in_fields_limits_and_defaults(
    pair: tuple[type[ApiModel], type[Document]],
) -> None:
    ours, theirs = pair
    assert schema_of(ours) == schema_of(theirs)


@pytest.mark.parametrize("pair", WRITTEN, ids=lambda pair: pair[0].__name__)
def test_all_that_a_user_writes_reaches_a_training_pod(
    pair: tuple[type[ApiModel], type[Document], set[str]],
) -> None:
    ours, theirs, apart = pair
    told = {field.alias for field in ours.model_fields.values()}
    assert told ^ {f.encode_name for f in msgspec.structs.fields(theirs)} == apart
