"""Pydantic models as structural schemas: what is translated, and what is refused."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import Field

from perennial.api import KINDS, ModelDeployment
from perennial.api import crd as generator
from perennial.api.common import ApiModel
from perennial.api.crd import Translator, UnsupportedSchema, files, main, open_api_schema, stale
from perennial.api.values import Json, rule, within


def schema(model: type[ApiModel], status: bool = False) -> Json:
    raw = model.model_json_schema(by_alias=True)
    definitions = raw.pop("$defs", {})
    return Translator(definitions).schema(raw, ".spec", status=status)


def field(annotation: Any, default: Any = ..., **more: Any) -> Json:
    """Return the schema of one field."""
    made = Field(default, description="A field.", **more)
    model = type("Model", (ApiModel,), {"__annotations__": {"x": annotation}, "x": made})
    found: Json = schema(model)["properties"]["x"]
    return found


class Inner(ApiModel):
    """An inner object."""

    size: int = Field(3, ge=1, description="A size.")
    note: str = Field("", description="A note.")


def test_a_reference_is_written_out_with_the_fields_own_description() -> None:
    found = field(Inner)
    assert found["description"] == "A field." and "$ref" not in found
    assert found["properties"]["size"] == {
        "type": "integer",
        "description": "A size.",
        "minimum": 1,
        "default": 3,
    }


def test_an_optional_field_has_no_null_alternative_and_no_default() -> None:
    assert field(Inner | None, None)["type"] == "object"
    found = field(float | None, None, gt=0)
    assert found == {
        "type": "number",
        "description": "A field.",
        "minimum": 0,
        "exclusiveMinimum": True,
    }


def test_everything_that_may_grow_has_a_maximum() -> None:
    assert field(str)["maxLength"] == 1024
    assert field(str, max_length=7)["maxLength"] == 7
    names = field(list[str], max_length=9, json_schema_extra={"x-items-max-length": 5})
    assert (names["maxItems"], names["items"]) == (9, {"type": "string", "maxLength": 5})
    labels = field(dict[str, str])
    assert labels["maxProperties"] == 64
    assert labels["additionalProperties"] == {"type": "string", "maxLength": 1024}


def test_choices_are_enums() -> None:
    assert field(Literal["A", "B"]) == {
        "type": "string",
        "description": "A field.",
        "enum": ["A", "B"],
    }
    assert field(Literal["A"])["enum"] == ["A"]
    assert field(int | str)["x-kubernetes-int-or-string"] is True


def test_a_pattern_has_a_message_for_people() -> None:
    found = field(str, pattern="^a'b$", json_schema_extra={"x-message": "write a'b"})
    assert found["x-kubernetes-validations"] == [
        {"rule": "self.matches('^a\\'b$')", "message": "write a'b"}
    ]


def test_rules_of_a_type_and_of_its_field_both_hold() -> None:
    class Ruled(ApiModel):
        """An object."""

        model_config = {"json_schema_extra": {"x-kubernetes-validations": [rule("1", "one")]}}
        y: int = Field(description="A field.")

    own = {"x-kubernetes-validations": [rule("2", "two")]}
    found = field(Ruled, json_schema_extra=own)
    assert [r["message"] for r in found["x-kubernetes-validations"]] == ["one", "two"]


def test_defaults_leave_out_what_is_absent_and_status_has_none() -> None:
    class Outer(ApiModel):
        """An object."""

        inner: Inner = Field(Inner(size=5), description="A field.")
        other: str = Field("", description="A field.")

    found = schema(Outer)["properties"]
    assert found["inner"]["default"] == {"size": 5} and "default" not in found["other"]
    assert "default" not in schema(Outer, status=True)["properties"]["inner"]


class Nameless(ApiModel):
    """An object whose field says nothing."""

    x: int = 1


REFUSED: list[tuple[Any, str]] = [
    (list[int | float | str], "a value of several types"),
    (Any, "a value of several types"),
    (dict[str, Any], "any object, but it is not said to be one"),
    (set[str], "uniqueItems is not structural"),
    (tuple[int, str], "prefixItems"),
]


@pytest.mark.parametrize(("annotation", "told"), REFUSED)
def test_what_is_not_structural_is_refused(annotation: Any, told: str) -> None:
    with pytest.raises(UnsupportedSchema) as refused:
        field(annotation)
    assert told in str(refused.value) and ".spec.x" in str(refused.value)


def test_a_field_without_a_description_is_refused() -> None:
    with pytest.raises(UnsupportedSchema, match=r"\.spec\.x: has no description"):
        schema(Nameless)


def nodes(found: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    yield path, found
    for name, inner in found.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(found.get(name), dict):
            yield from nodes(found[name], f"{path}[]")


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_every_field_of_our_kinds_is_typed_bounded_and_described(kind: Any) -> None:
    for path, node in nodes(open_api_schema(kind)):
        assert not {"$ref", "anyOf", "oneOf", "allOf"} & node.keys(), path
        if path in ("", ".metadata", ".apiVersion", ".kind"):
            continue
        assert "type" in node or node.keys() & {
            "x-kubernetes-int-or-string",
            "x-kubernetes-preserve-unknown-fields",
        }, path
        assert "[]" in path or len(node["description"]) > 2, path
        is_free = node.get("type") == "string" and not node.keys() & {"enum", "format"}
        assert not is_free or "maxLength" in node, path
        assert node.get("type") != "array" or "maxItems" in node, path
        words = [] if path.endswith("estimated.metric") else node.get("enum", [])  # scikit-learn's
        assert all(word[0].isupper() for word in words), path


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_columns_show_fields_that_there_are(kind: Any) -> None:
    root = open_api_schema(kind)
    for column in kind.COLUMNS:
        node: Json | None = root
        for part in column.json_path.split("[")[0].strip(".").split("."):
            if part == "creationTimestamp":
                break
            assert node is not None
            node = node["properties"].get(part)
            assert node is not None, column.json_path


def test_a_stale_missing_or_foreign_file_is_named_and_check_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0 and stale(tmp_path) == []
    assert main(["--check", str(tmp_path)]) == 0
    first, second, *_ = sorted(files())
    (tmp_path / first).unlink()
    (tmp_path / second).write_text("kind: Other")
    (tmp_path / "z.yaml").write_text("")
    assert main(["--check", str(tmp_path)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split("/")[-1].split(";")[0] for line in told] == [
        f"{first} is missing",
        f"{second} is stale",
        "z.yaml belongs to no kind",
    ]
    assert (tmp_path / second).read_text() == "kind: Other"


def test_what_is_written_is_the_definition() -> None:
    written = files()
    for kind in KINDS:
        text = written[f"perennial.dev_{kind.PLURAL}.yaml"]
        assert text.startswith("# Generated") and yaml.safe_load(text) == generator.definition(kind)


def test_bounds_of_a_duration_do_not_judge_what_is_none() -> None:
    least, most = within("1s", "24h")["x-kubernetes-validations"]
    assert least["message"] == "must be at least 1s" and most["message"] == "must be at most 24h"
    assert "!self.matches(" in least["rule"]


def test_no_pattern_means_another_thing_to_the_api_server() -> None:
    """Its classes are ASCII's, Python's are Unicode's: what one takes, the other would not."""
    found = []

    def look(node: Any, path: str) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("pattern"), str) and re.search(r"\\[sSdDwWbB]", node["pattern"]):
                found.append(path)
            for key, inner in node.items():
                look(inner, f"{path}.{key}")
        elif isinstance(node, list):
            for n, inner in enumerate(node):
                look(inner, f"{path}[{n}]")

    for kind in KINDS:
        look(open_api_schema(kind), kind.kind())
    assert not found


def test_each_kind_is_small_enough_for_every_way_to_apply_it() -> None:
    assert max(len(text.encode()) for text in files().values()) < 200 * 1024


def test_no_member_of_a_choice_has_a_default() -> None:
    """Another member could not be chosen beside it, and what is absent means the operator's own."""
    rollout = open_api_schema(ModelDeployment)["properties"]["spec"]["properties"]["rollout"]
    assert "default" not in rollout["properties"]["canary"]
    assert "canary" not in rollout.get("default", {})
