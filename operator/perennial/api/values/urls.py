"""URLs that the operator asks."""

from perennial.api.values.rules import Json, rule


def plain_url(field: str) -> Json:
    """Return the rule that a field is a URL without a user, a password or a fragment."""
    return rule(
        f"self.{field}.matches('^https?://[^/?#@ ]+([/?][^# ]*)?$')",
        f"write {field} as http://HOST:PORT/PATH, without a user, a password or a fragment",
    )
