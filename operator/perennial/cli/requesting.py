"""What a person asks for: written into one annotation, and waited for until it was handled."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from perennial.api.values import Json
from perennial.cli.connection import Connection
from perennial.cli.kinds import DEPLOYMENT, TRAINING, Kind, called, kind_of
from perennial.cli.lenient import at, condition, count, holds, meta, part, text
from perennial.cli.problem import Problem, called_wrongly
from perennial.cli.shown.words import duration
from perennial.plan.core import REQUEST_ANNOTATION, REQUEST_LENGTH

LOOK_SECONDS, RETRY_SECONDS = 0.3, 2.0
EVENT_SECONDS = 4.0
"""How long what the operator says is waited for: it says so after it has noted the request."""
STALLED_SECONDS = 3.0
"""After which it is told that something keeps the operator from handling it."""
UNHEEDED = frozenset({"NothingToDo", "UnknownRequest"})
"""Reasons of Events by which the operator says that it did not do what was asked for."""


@dataclass(frozen=True)
class Verb:
    """Something that can be asked for."""

    name: str
    kind: Kind
    help: str


VERBS = (
    Verb("promote", DEPLOYMENT, "End the present step, whatever it would still wait for."),
    Verb("pause", DEPLOYMENT, "Hold a rollout where it is."),
    Verb("resume", DEPLOYMENT, "Go on after a pause, also after one that waits for a person."),
    Verb("abort", DEPLOYMENT, "Take a rollout back, and reject its version."),
    Verb("retry", DEPLOYMENT, "Forget what was rejected, so that it is tried again."),
    Verb("undo", DEPLOYMENT, "Go back to the version that served before, at once."),
    Verb("refresh", DEPLOYMENT, "Roll out what serves anew, with the operator's present image."),
    Verb("retrain", TRAINING, "Train on the newest data."),
)
FULL = "promote-full"
"""What ``promote --full`` asks for."""


@dataclass(frozen=True)
class Answer:
    """What came of a request."""

    heeded: bool
    sentence: str


def request_text(verb: str, reason: str, now: datetime) -> str:
    """Return a request: the verb, who asks and when, and why.

    Raises:
        Problem: the reason is too long.
    """
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        who = "somebody"
    moment = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
    why = " ".join(reason.split())
    asked = f"{verb}/{who[:40]} {moment}" + (f": {why}" if why else "")
    if (over := len(asked) - REQUEST_LENGTH) > 0:
        raise called_wrongly(f"the reason is {over} characters too long")
    return asked


def unhandled(body: Json) -> str:
    """Return what was asked for and not handled yet, empty where there is nothing."""
    asked = text(part(body, "metadata.annotations").get(REQUEST_ANNOTATION))
    return "" if asked == text(at(body, "status.lastRequest")) else asked


def ask(api: Connection, body: Json, request: str) -> Json:
    """Write a request; return the object as it is then."""
    return api.annotate(kind_of(body), body, REQUEST_ANNOTATION, request)


def wait(
    api: Connection,
    body: Json,
    request: str,
    seconds: float,
    before: Iterable[Json],
    tell: Callable[[str], None],
) -> Answer:
    """Wait until a request was handled; return what the operator said.

    Args:
        api: the connection.
        body: the object.
        request: what was asked for.
        seconds: how long it is waited at most.
        before: the Events about the object from before.
        tell: is told what hinders it.

    Raises:
        Problem: it was not handled in time, or another request took its place, or the object is
            gone.
    """
    began, stalled, trouble = time.monotonic(), "", ""
    while True:
        try:
            body = api.get(kind_of(body), meta(body, "namespace"), meta(body, "name"))
        except Problem as problem:
            if problem.absent or time.monotonic() - began > seconds:
                raise
            if str(problem) != trouble:
                tell(f"asked for, and not seen since: {problem}; trying again")
            trouble = str(problem)
            time.sleep(RETRY_SECONDS)
            continue
        if text(at(body, "status.lastRequest")) == request:
            return _answer(api, body, request, before)
        present = text(part(body, "metadata.annotations").get(REQUEST_ANNOTATION))
        if present != request:
            raise Problem(f"another request took its place before it was handled: {present}")
        waited = time.monotonic() - began
        if waited > STALLED_SECONDS and holds(body, "Stalled"):
            _, reason, message = condition(body, "Stalled")
            if stalled != reason:
                tell(f"not handled yet: {called(body)} is stalled, {reason}: {message}")
            stalled = reason
        if waited > seconds:
            why = f"; it is stalled: {stalled}." if stalled else ": is an operator running?"
            raise Problem(
                f"{called(body)} did not handle {request} within {duration(seconds)}{why} "
                "It stays asked for"
            )
        time.sleep(LOOK_SECONDS)


def _answer(api: Connection, body: Json, request: str, before: Iterable[Json]) -> Answer:
    """Return what the operator said of a request that it has handled."""
    verb, seen = request.partition("/")[0], _versions(before)
    deadline = time.monotonic() + EVENT_SECONDS
    while time.monotonic() < deadline:
        if (told := _pending(body, request)) != "":
            return Answer(True, told)
        try:
            events = api.events_about(body)
        except Problem as problem:
            if not problem.absent:  # one may ask, and not look at Events
                break
            events = []
        fresh = [e for e in events if seen.get(meta(e, "uid")) != meta(e, "resourceVersion")]
        for event in fresh:
            if request in text(event.get("message")):
                return Answer(True, text(event.get("message")))
        for event in fresh:
            message = text(event.get("message"))
            if event.get("reason") in UNHEEDED and message.startswith(verb):
                return Answer(False, message)
        time.sleep(LOOK_SECONDS)
        body = api.get(kind_of(body), meta(body, "namespace"), meta(body, "name"))
    _, reason, message = condition(body, "Ready")
    return Answer(True, f"handled; {reason}: {message}" if message else "handled")


def _pending(body: Json, request: str) -> str:
    """Return what is said of a run that was asked for and waits; empty where none does."""
    if request not in text(at(body, "status.pending.reason")):
        return ""
    if at(body, "spec.suspend"):
        return "noted: the run starts once spec.suspend is false"
    return f"noted: it follows run {count(at(body, 'status.run.number'))}, which is under way"


def events_before(api: Connection, body: Json) -> list[Json]:
    """Return the Events about an object, none where one may not look at them."""
    try:
        return api.events_about(body)
    except Problem:
        return []


def _versions(events: Iterable[Json]) -> dict[str, str]:
    return {meta(e, "uid"): meta(e, "resourceVersion") for e in events}
