"""The first lines of a page: what an object is, and how it stands."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group
from rich.text import Text

from perennial.api.values import Json
from perennial.cli.kinds import called
from perennial.cli.lenient import at, meta, moment
from perennial.cli.shown.state import state_of
from perennial.cli.shown.words import age


def heading(body: Json, now: datetime) -> Group:
    """Return what an object is, and how it stands."""
    made = moment(at(body, "metadata.creationTimestamp"))
    where = f"  namespace {meta(body, 'namespace')}, {age(made, now)} old"
    title = Text.assemble((called(body), "bold"), (where, "dim"))
    return Group(title, standing(body))


def standing(body: Json) -> Text:
    """Return how an object stands, with the reason."""
    state = state_of(body)
    words = state.mark.before(state.word)
    return words.append(f": {state.message}", "none") if state.message else words
