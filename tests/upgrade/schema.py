"""What a CustomResourceDefinition takes away of what an older one allowed; nothing, it must be."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

LOWEST = ("minimum", "minLength", "minItems", "minProperties")
HIGHEST = ("maximum", "maxLength", "maxItems", "maxProperties")
FIXED = (
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
)
"""Of another type a value cannot be read, and a list merged otherwise loses entries."""
ASKED = re.compile(r"\bhas\(self\.(\w+)\)")


def taken_away(base: Json, today: Json) -> list[str]:
    """Return what objects and clients of the base's kind would miss, a sentence each.

    Args:
        base: the CustomResourceDefinition as it was frozen.
        today: the one that it is to be replaced by.
    """
    return [*_of_kind(base["spec"], today["spec"]), *_of_versions(base["spec"], today["spec"])]


def _of_kind(base: Json, today: Json) -> Iterator[str]:
    for key in ("group", "scope"):
        if base[key] != today[key]:
            yield f"its {key} was {base[key]} and is {today[key]}"
    for key in ("kind", "listKind", "plural", "singular"):
        if base["names"][key] != today["names"][key]:
            yield f"its {key} was {base['names'][key]} and is {today['names'][key]}"
    for key in ("shortNames", "categories"):
        for gone in _gone(base["names"].get(key, []), today["names"].get(key, [])):
            yield f"{gone} is none of its {key} any more"


def _of_versions(base: Json, today: Json) -> Iterator[str]:
    now = {version["name"]: version for version in today["versions"]}
    for was in base["versions"]:
        version = now.get(was["name"])
        if version is None or (was["served"] and not version["served"]):
            yield f"version {was['name']} is not served any more"
            continue
        for name, told in was.get("subresources", {}).items():
            if version.get("subresources", {}).get(name) != told:
                yield f"subresource {name} is gone, or is another one"
        for gone in _gone(was.get("selectableFields", []), version.get("selectableFields", [])):
            yield f"{gone['jsonPath']} cannot be selected by any more"
        yield from _of_node(
            "", was["schema"]["openAPIV3Schema"], version["schema"]["openAPIV3Schema"]
        )


def _of_node(path: str, base: Json, today: Json) -> Iterator[str]:
    """Yield what a node of a schema takes away, and all nodes below it."""
    at = path or "."
    for key in FIXED:
        if base.get(key) != today.get(key):
            yield f"{at}: {key} was {base.get(key)} and is {today.get(key)}"
    for key in ("nullable", "x-kubernetes-preserve-unknown-fields"):
        if base.get(key) and not today.get(key):
            yield f"{at}: is not {key} any more"
    for key in ("pattern", "format"):
        if today.get(key) not in (None, base.get(key)):
            yield f"{at}: {key} was {base.get(key)} and is {today[key]}"
    yield from _of_values(at, base, today)
    for name in _gone(today.get("required", []), base.get("required", [])):
        yield f"{at}: {name} is required now"
    was, now = _default(base), _default(today)
    if "default" in base and was != now:
        yield f"{at}: its default was {was}, and is {now}"
    yield from _of_rules(at, base, today)
    yield from _of_members(path, base, today)
    for key, shown in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(base.get(key), dict):
            yield from _of_node(f"{path}{shown}", base[key], today.get(key) or {})


def _of_values(at: str, base: Json, today: Json) -> Iterator[str]:
    if "enum" in today:
        for gone in _gone(base.get("enum", ["any other value"]), today["enum"]):
            yield f"{at}: {gone} is not allowed any more"
    for key in LOWEST:
        if _bound(today, key, -math.inf) > _bound(base, key, -math.inf):
            yield f"{at}: {key} is {today[key]}, and was {base.get(key, 'none')}"
    for key in HIGHEST:
        (now, beyond), (was, was_beyond) = _bound(today, key, math.inf), _bound(base, key, math.inf)
        if (now, not beyond) < (was, not was_beyond):
            yield f"{at}: {key} is {today[key]}, and was {base.get(key, 'none')}"


def _bound(node: Json, key: str, none: float) -> tuple[float, bool]:
    """Return a bound, and whether it is itself not allowed."""
    return node.get(key, none), bool(node.get(f"exclusive{key.capitalize()}"))


def _of_rules(at: str, base: Json, today: Json) -> Iterator[str]:
    """Yield rules that speak of nothing new: whoever breaks one was right before."""
    known = {rule["rule"] for rule in base.get("x-kubernetes-validations", [])}
    new = _new_names(base, today)
    for rule in today.get("x-kubernetes-validations", []):
        if rule["rule"] not in known and not any(re.search(rf"\.{n}\b", rule["rule"]) for n in new):
            yield f"{at}: a new rule about what was there before: {rule['rule']}"


def _of_members(path: str, base: Json, today: Json) -> Iterator[str]:
    was, now = base.get("properties", {}), today.get("properties", {})
    for name in _gone(list(was), list(now)):
        yield f"{path}.{name}: is gone"
    rules = " ".join(rule["rule"] for rule in today.get("x-kubernetes-validations", []))
    for name in sorted(ASKED.findall(rules)):
        # Filled in, it would be there where another member was chosen.
        if "default" in now.get(name, {}) and "default" not in was.get(name, {}):
            yield f"{path}.{name}: has a default now, and a rule asks whether it is there"
    for name in was.keys() & now.keys():
        yield from _of_node(f"{path}.{name}", was[name], now[name])


def _new_names(base: Json, today: Json) -> set[str]:
    """Return the names of all fields below a node that the base has not."""
    was, now = base.get("properties", {}), today.get("properties", {})
    found = set(now) - set(was)
    for name in was.keys() & now.keys():
        found |= _new_names(was[name], now[name])
    for key in ("items", "additionalProperties"):
        if isinstance(base.get(key), dict) and isinstance(today.get(key), dict):
            found |= _new_names(base[key], today[key])
    return found


def _gone(base: list[Any], today: list[Any]) -> list[Any]:
    return [each for each in base if each not in today]


def _default(node: Json) -> str:
    return json.dumps(node["default"]) if "default" in node else "none"
