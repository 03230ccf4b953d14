"""Kinds change by additions only: held against each base, and shown to notice what is not one."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from perennial.api.crd import files
from upgrade.base import Base, bases
from upgrade.schema import taken_away

Json = dict[str, Any]

RELAXED: dict[str, str] = {}
"""Rules that allow more than one of a base did: the new rule, and why nobody misses the old one."""


@pytest.fixture(params=bases(), ids=lambda base: base.place.name)
def base(request: pytest.FixtureRequest) -> Base:
    found: Base = request.param
    return found


def today() -> dict[str, Json]:
    found = (yaml.safe_load(text) for text in files().values())
    return {crd["metadata"]["name"]: crd for crd in found}


def test_a_base_was_frozen() -> None:
    assert bases(), "make freeze-base has never been run"


def test_todays_kinds_take_nothing_away(base: Base) -> None:
    now = today()
    for name, crd in base.crds.items():
        told = taken_away(crd, now[name])
        assert [t for t in told if not any(rule in t for rule in RELAXED)] == [], name


RULES: Json = {"x-kubernetes-validations": [{"rule": "has(self.a) != has(self.b)", "message": "m"}]}
ENUM, NUMBER = ["xx", "xy"], {"type": "integer", "minimum": 0, "maximum": 5}
SPEC: Json = {
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"type": "string", "maxLength": 9, "minLength": 2, "pattern": "^x", "enum": ENUM},
        "b": {"type": "object", "properties": {"c": NUMBER}},
        "d": {"type": "array", "items": {"type": "number", "nullable": True}, "maxItems": 4},
        "e": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}},
        "f": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "g": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "h": {"type": "integer", "default": 3},
    },
    **RULES,
}  # fmt: skip


def crd(spec: Json) -> Json:
    schema = {"type": "object", "properties": {"spec": spec}}
    version: Json = {
        "name": "v1",
        "served": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": ".spec.a"}],
        "additionalPrinterColumns": [{"name": "A", "jsonPath": ".spec.a", "type": "string"}],
    }
    names = {"kind": "K", "listKind": "KList", "plural": "ks", "singular": "k", "shortNames": ["k"]}
    return {"spec": {"group": "g", "scope": "Namespaced", "names": names, "versions": [version]}}


def fields(spec: Json) -> Json:
    found: Json = spec["properties"]
    return found


def put(*path: str, **keywords: Any) -> Callable[[Json], None]:
    """Return a change of the schema at a path of fields; a dash stands for one in a keyword."""

    def change(spec: Json) -> None:
        node = spec
        for name in path:
            node = node["items"] if name == "[]" else node["properties"][name]
        node.update({key.replace("__", "-"): value for key, value in keywords.items()})

    return change


def without(*path: str, keyword: str) -> Callable[[Json], None]:
    def change(spec: Json) -> None:
        node = spec
        for name in path:
            node = node["items"] if name == "[]" else node["properties"][name]
        del node[keyword]

    return change


def more_rules(*rules: str) -> Callable[[Json], None]:
    def change(spec: Json) -> None:
        known = spec["x-kubernetes-validations"]
        spec["x-kubernetes-validations"] = [*known, *({"rule": r, "message": "m"} for r in rules)]

    return change


TAKEN = [
    (lambda s: fields(s).pop("b"), ".spec.b: is gone"),
    (lambda s: fields(fields(s)["b"]).pop("c"), ".spec.b.c: is gone"),
    (put(required=["a", "d"]), ".spec: d is required now"),
    (put("b", required=["c"]), ".spec.b: c is required now"),
    (put("b", "c", type="number"), ".spec.b.c: type was integer and is number"),
    (put("b", "c", maximum=4), "maximum is 4, and was 5"),
    (put("b", "c", exclusiveMaximum=True), "maximum is 5, and was 5"),
    (put("b", "c", minimum=1), "minimum is 1, and was 0"),
    (put("b", "c", exclusiveMinimum=True), "minimum is 0, and was 0"),
    (put("b", "c", enum=[1, 2]), "any other value is not allowed any more"),
    (put("a", enum=["xx", "zz"]), ".spec.a: xy is not allowed any more"),
    (put("a", pattern="^xx"), "pattern was ^x and is ^xx"),
    (put("a", maxLength=8), "maxLength is 8, and was 9"),
    (put("a", minLength=3), "minLength is 3, and was 2"),
    (put("a", format="date-time"), "format was None and is date-time"),
    (put("d", maxItems=3), "maxItems is 3, and was 4"),
    (put("d", minItems=1), "minItems is 1, and was none"),
    (put("d", "[]", nullable=False), ".spec.d[]: is not nullable any more"),
    (put("e", maxProperties=1), "maxProperties is 1, and was none"),
    (put("e", additionalProperties={"type": "integer"}), ".spec.e{}: type was string"),
    (without("e", keyword="additionalProperties"), ".spec.e{}: type was string and is None"),
    (put("f", **{"x-kubernetes-list-type": "atomic"}), "list-type was set and is atomic"),
    (without("g", keyword="x-kubernetes-preserve-unknown-fields"), "is not x-kubernetes-preserve"),
    (put("h", default=4), ".spec.h: its default was 3, and is 4"),
    (without("h", keyword="default"), ".spec.h: its default was 3, and is none"),
    (put("b", default={}), ".spec.b: has a default now, and a rule asks whether it is there"),
    (more_rules("self.a.size() > 2"), "a new rule about what was there before: self.a.size() > 2"),
]


@pytest.mark.parametrize(("change", "told"), TAKEN, ids=[told for _, told in TAKEN])
def test_what_is_taken_away_is_told(change: Callable[[Json], Any], told: str) -> None:
    spec = copy.deepcopy(SPEC)
    change(spec)
    (found,) = taken_away(crd(SPEC), crd(spec))
    assert told in found


NEW = {"type": "string", "maxLength": 3}
ADDED = [
    lambda s: fields(s).update(new=NEW),
    lambda s: fields(fields(s)["b"]).update(new={**NEW, "default": "x"}),
    put("b", "c", maximum=6, minimum=-1),
    without("b", "c", keyword="maximum"),
    put("a", enum=["xx", "xy", "xz"], maxLength=10),
    without("a", keyword="enum"),
    without("a", keyword="pattern"),
    put(required=[]),
    put("a", description="another"),
    lambda s: (fields(s).update(new=NEW), more_rules("!has(self.new) || has(self.b)")(s)),
    lambda s: (
        fields(s).update(new=NEW),
        put(**{"x-kubernetes-validations": [{"rule": "has(self.a) != has(self.new)"}]})(s),
    ),
    put(**{"x-kubernetes-validations": []}),
]


@pytest.mark.parametrize("change", ADDED, ids=range(len(ADDED)))
def test_what_is_added_is_not(change: Callable[[Json], Any]) -> None:
    spec = copy.deepcopy(SPEC)
    change(spec)
    assert taken_away(crd(SPEC), crd(spec)) == []


def test_a_member_of_a_choice_that_is_new_has_no_default() -> None:
    spec = copy.deepcopy(SPEC)
    fields(spec)["new"] = {**NEW, "default": "x"}
    more_rules("[has(self.a), has(self.new)].filter(x, x).size() == 1")(spec)
    assert taken_away(crd(SPEC), crd(spec)) == [
        ".spec.new: has a default now, and a rule asks whether it is there"
    ]


KIND: list[tuple[Callable[[Json], Any], str]] = [
    (lambda k: k.update(scope="Cluster"), "its scope was Namespaced and is Cluster"),
    (lambda k: k["names"].update(plural="kk"), "its plural was ks and is kk"),
    (lambda k: k["names"].update(shortNames=[]), "k is none of its shortNames any more"),
    (lambda k: k["versions"][0].update(name="v2"), "version v1 is not served any more"),
    (lambda k: k["versions"][0].update(served=False), "version v1 is not served any more"),
    (lambda k: k["versions"][0].update(subresources={}), "subresource status is gone"),
    (lambda k: k["versions"][0].update(selectableFields=[]), ".spec.a cannot be selected by"),
]


@pytest.mark.parametrize(("change", "told"), KIND, ids=[told for _, told in KIND])
def test_so_is_what_is_taken_from_a_kind(change: Callable[[Json], Any], told: str) -> None:
    now = crd(SPEC)
    change(now["spec"])
    (found,) = taken_away(crd(SPEC), now)
    assert told in found


def test_what_kubectl_prints_may_change() -> None:
    now = crd(SPEC)
    now["spec"]["versions"][0]["additionalPrinterColumns"] = []
    assert taken_away(crd(SPEC), now) == []
