"""Rules of the schema: what Kubernetes checks when an object is applied."""

from typing import Any

Json = dict[str, Any]


def rule(cel: str, message: str, **more: str) -> Json:
    """Return one CEL rule for ``x-kubernetes-validations``."""
    return {"rule": cel, "message": message, **more}


def one_of(*fields: str, message: str = "") -> Json:
    """Return the rule that exactly one of some fields is given; a message of its own says more."""
    given = ", ".join(f"has(self.{field})" for field in fields)
    names = f"{', '.join(fields[:-1])} or {fields[-1]}"
    return rule(f"[{given}].filter(x, x).size() == 1", message or f"give exactly one of {names}")


def at_most_one_of(*fields: str, message: str) -> Json:
    """Return the rule that no more than one of some fields is given."""
    given = ", ".join(f"has(self.{field})" for field in fields)
    return rule(f"[{given}].filter(x, x).size() <= 1", message)
