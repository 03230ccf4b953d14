"""Pydantic's JSON Schema as a structural schema, the only one that the API server takes.

The API server prices every CEL rule by the longest value that the schema allows. So each JSON
Schema keyword that Pydantic emits is translated or refused, and every string, list and map gets a
maximum.
"""

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

from perennial.api import GROUP, VERSION
from perennial.api.common import Kind
from perennial.api.values import Json, rule

MAX_LENGTH = 1024
MAX_ITEMS = 64
MAX_PROPERTIES = 64


_COPIED = (
    "type",
    "description",
    "enum",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
)
_TRANSLATED = (
    "title",
    "default",
    "const",
    "required",
    "properties",
    "items",
    "additionalProperties",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "x-message",
    "x-items-max-length",
    "x-item-validations",
    "x-preserve-items",
)


class UnsupportedSchema(ValueError):
    """A model uses something that a structural schema cannot say."""


class Translator:
    """Turns the JSON Schema of one kind into a structural schema."""

    def __init__(self, definitions: Mapping[str, Json]) -> None:
        self.definitions = definitions

    def resolve(self, raw: Json) -> Json:
        """Inline a reference and drop the null alternative of an optional field."""
        raw = dict(raw)
        if "anyOf" in raw:
            real = [option for option in raw.pop("anyOf") if option.get("type") != "null"]
            if sorted(option.get("type", "") for option in real) == ["integer", "string"]:
                return {"x-kubernetes-int-or-string": True, **raw}
            if len(real) == 1:
                return self.merge(self.resolve(real[0]), raw)
            # A value of several types has no structural type; its list must say so.
            return {"any": True, **raw}
        if "$ref" in raw:
            target = self.definitions[raw.pop("$ref").removeprefix("#/$defs/")]
            return self.merge(self.resolve(target), raw)
        return raw

    @staticmethod
    def merge(inner: Json, outer: Json) -> Json:
        """Lay a field's own keywords over those of its type; the rules of both hold."""
        merged = {**inner, **outer}
        key = "x-kubernetes-validations"
        if key in inner and key in outer:
            merged[key] = [*inner[key], *outer[key]]
        return merged

    def schema(self, raw: Json, path: str, *, status: bool = False) -> Json:
        """Translate one node.

        Raises:
            UnsupportedSchema: a keyword has no structural counterpart.
        """
        raw = self.resolve(raw)
        if raw.get("any"):
            raise UnsupportedSchema(f"{path}: a value of several types")
        if unknown := raw.keys() - {*_COPIED, *_TRANSLATED}:
            raise UnsupportedSchema(f"{path}: {', '.join(sorted(unknown))} is not structural")
        out: Json = {key: raw[key] for key in _COPIED if key in raw}
        if "description" in out:
            out["description"] = " ".join(cleandoc(out["description"]).split())
        if "const" in raw:
            out["enum"] = [raw["const"]]
        # OpenAPI 3.0 has these two as booleans beside the bound.
        for bound in ("minimum", "maximum"):
            exclusive = f"exclusive{bound.capitalize()}"
            if exclusive in raw:
                out |= {bound: raw[exclusive], exclusive: True}
        if "x-message" in raw:
            # The API server's own message for a pattern is the pattern: add one for people.
            pattern = rule(f"self.matches({_quoted(raw['pattern'])})", raw["x-message"])
            out["x-kubernetes-validations"] = [pattern, *out.get("x-kubernetes-validations", [])]
        match out.get("type"):
            case "string" if "enum" not in out and out.get("format") != "date-time":
                out.setdefault("maxLength", MAX_LENGTH)
            case "array":
                out.setdefault("maxItems", MAX_ITEMS)
                out["items"] = self.elements(raw, raw["items"], f"{path}[]", status)
            case "object" if "properties" in raw:
                out |= self.members(raw, path, status)
            case "object":
                out.setdefault("maxProperties", MAX_PROPERTIES)
                values = raw.get("additionalProperties")
                if isinstance(values, dict) and "x-kubernetes-preserve-unknown-fields" not in out:
                    out["additionalProperties"] = self.elements(raw, values, f"{path}{{}}", status)
                elif "x-kubernetes-preserve-unknown-fields" not in out:
                    raise UnsupportedSchema(f"{path}: any object, but it is not said to be one")
            case None if "x-kubernetes-int-or-string" not in out:
                raise UnsupportedSchema(f"{path}: a value of several types")
        default = self.pruned(raw.get("default"), raw)
        # A default inside status would be written by nobody and still look observed.
        if default not in (None, "", [], {}) and not status:
            out["default"] = default
        return out

    def elements(self, holder: Json, raw: Json, path: str, status: bool) -> Json:
        """Translate the items of a list or the values of a map."""
        if holder.get("x-preserve-items"):
            resolved = self.resolve(raw)
            kind: Json = {"type": resolved["type"]} if "type" in resolved else {}
            # Items of any type may be null; only where the schema says so does the server keep it.
            anything = {} if kind else {"nullable": True}
            return {**kind, **anything, "x-kubernetes-preserve-unknown-fields": True}
        out = self.schema(raw, path, status=status)
        if "x-items-max-length" in holder:
            out["maxLength"] = holder["x-items-max-length"]
        if "x-item-validations" in holder:
            rules = [*out.get("x-kubernetes-validations", []), *holder["x-item-validations"]]
            out["x-kubernetes-validations"] = rules
        return out

    def members(self, raw: Json, path: str, status: bool) -> Json:
        """Translate the fields of an object, and say which a user must write."""
        properties = {
            name: self.schema(field, f"{path}.{name}", status=status)
            for name, field in raw["properties"].items()
        }
        for name, field in properties.items():
            if not field.get("description"):
                raise UnsupportedSchema(f"{path}.{name}: has no description")
        required = {"required": list(raw["required"])} if raw.get("required") else {}
        return {"properties": properties, **required}

    def pruned(self, value: Any, raw: Json) -> Any:
        """Leave absent fields, and empty ones that are empty by default, out of a default."""
        raw = self.resolve(raw)
        if isinstance(value, list):
            return [self.pruned(item, raw["items"]) for item in value]
        if not isinstance(value, dict) or "properties" not in raw:
            return value
        kept: Json = {}
        for name, item in value.items():
            field = raw["properties"][name]
            inner = self.pruned(item, field)
            by_default = inner in ("", [], {}) and item == field.get("default")
            if inner is not None and not by_default:
                kept[name] = inner
        return kept


def _quoted(pattern: str) -> str:
    """Return a CEL string literal of a regular expression."""
    return "'" + pattern.replace("\\", "\\\\").replace("'", "\\'") + "'"


def open_api_schema(kind: type[Kind]) -> Json:
    """Return the structural schema of a kind, ``openAPIV3Schema``."""
    raw = kind.model_json_schema(by_alias=True, mode="validation")
    translator = Translator(raw.get("$defs", {}))
    fields = raw["properties"]
    root: Json = {
        "type": "object",
        "description": " ".join(cleandoc(kind.__doc__ or "").split()),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"Always {kind.kind()}."},
            "metadata": {"type": "object"},
            "spec": translator.schema(fields["spec"], ".spec"),
            "status": translator.schema(fields["status"], ".status", status=True),
        },
    }
    # kstatus takes an object without a status for ready; one that lags behind it takes for new.
    root["properties"]["status"]["default"] = {"observedGeneration": -1}
    if kind.RULES:
        root["x-kubernetes-validations"] = list(kind.RULES)
    return root
