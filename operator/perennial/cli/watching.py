"""A page that is written anew whenever what it is about changes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.control import Control
from rich.text import Text

from perennial.api.values import Json
from perennial.cli.connection import Connection, pods_path
from perennial.cli.following import Followed, follow_kind
from perennial.cli.kinds import DEPLOYMENT, called, kind_of
from perennial.cli.lenient import meta
from perennial.cli.problem import Problem
from perennial.cli.screen import console, ended_cleanly, frame, now, rendered, say
from perennial.cli.shown.words import ODD

TICK_SECONDS = 1.0
"""How often ages and times left are written anew, and how late Ctrl-C may be heeded."""
SHORTEST_SECONDS = 0.1
"""The shortest time between two pages: many changes at once are one."""
Draw = Callable[[int], RenderableType | None]
"""Returns a page in so many columns, None before there is anything to show."""


def watch(draw: Draw, changed: threading.Event, problem: Callable[[], Problem | None]) -> None:
    """Write a page anew whenever something has changed, until somebody presses Ctrl-C.

    A terminal is given back as it was, with the last page in it. Elsewhere pages are written below
    each other, each with its time, whenever they differ.

    Args:
        draw: gives the page.
        changed: is set when there is something new.
        problem: gives why the page may be out of date.
    """
    with ended_cleanly():
        if sys.stdout.isatty() and not console().is_dumb_terminal:
            _in_terminal(draw, changed, problem)
        else:
            _below_each_other(draw, changed, problem)


def _in_terminal(
    draw: Draw, changed: threading.Event, problem: Callable[[], Problem | None]
) -> None:
    out, last = console(), None
    try:
        with out.screen() as screen:
            while True:
                page = draw(out.width)
                if page is not None:
                    last = page
                out.control(Control.home())
                screen.update(frame(out, _with_problem(last, problem())))
                changed.wait(TICK_SECONDS)
                changed.clear()
                time.sleep(SHORTEST_SECONDS)
    finally:
        if last is not None:
            out.print(frame(out, last))


def _with_problem(page: RenderableType | None, problem: Problem | None) -> RenderableType:
    """Return a page that says whether it may be out of date."""
    page = page if page is not None else Text("…")
    if problem is None:
        return page
    return Group(ODD.before(f"not up to date: {problem}; trying again"), "", page)


def _below_each_other(
    draw: Draw, changed: threading.Event, problem: Callable[[], Problem | None]
) -> None:
    out, before, trouble = console(), "", ""
    while True:
        # A signal that another thread was given wakes nobody who waits without end.
        if not changed.wait(TICK_SECONDS):
            continue
        changed.clear()
        why = str(problem() or "")
        if why and why != trouble:
            say(f"not up to date: {why}; trying again")
        trouble = why
        page = draw(out.width)
        text = rendered(page, out.width) if page is not None else before
        if text != before:
            print(f"--- {now():%Y-%m-%dT%H:%M:%SZ}\n{text}", flush=True)
        before = text
        time.sleep(SHORTEST_SECONDS)


class Scene:
    """One object, and the pods of a ModelDeployment, as they are now."""

    def __init__(self, api: Connection, body: Json) -> None:
        self.changed = threading.Event()
        kind, self._called = kind_of(body), called(body)
        namespace, name = meta(body, "namespace"), meta(body, "name")
        self._object = follow_kind(api, kind, namespace, self.changed, name)
        self._pods: Followed | None = None
        if kind == DEPLOYMENT:
            self._pods = Followed(api, *pods_path(body), self.changed)

    @property
    def body(self) -> Json | None:
        """The object; None before it was listed.

        Raises:
            Problem: it was deleted.
        """
        items = self._object.items
        if items is None:
            return None
        if not items:
            raise Problem(f"{self._called} was deleted", absent=True)
        return items[0]

    @property
    def pods(self) -> tuple[Json, ...]:
        """Its pods."""
        return (self._pods.items or ()) if self._pods is not None else ()

    def problem(self) -> Problem | None:
        """Return why what is known may be out of date."""
        return self._object.problem
