"""The commands by which a person asks for something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from perennial.cli.kinds import called
from perennial.cli.naming import find, named
from perennial.cli.options import (
    Context,
    Kubeconfig,
    Namespace,
    One,
    Timeout,
    Where,
    place_of,
    seconds_of,
)
from perennial.cli.problem import FAILED
from perennial.cli.requesting import (
    FULL,
    VERBS,
    Verb,
    ask,
    events_before,
    request_text,
    unhandled,
    wait,
)
from perennial.cli.screen import ended_cleanly, now, say

Reason = Annotated[
    str, typer.Option("--reason", help="Why: the operator keeps it and tells it with what it did.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until it was handled.")]


def _request(
    place: Where, verb: Verb, full: bool, words: list[str], reason: str, longest: float | None
) -> None:
    """Ask for something, wait until it was handled, and tell what the operator said.

    Args:
        place: where.
        verb: what.
        full: whether a promotion is of all that is left.
        words: of which object.
        reason: why.
        longest: how long it is waited, in seconds; None: not at all.
    """
    request = request_text(FULL if full else verb.name, reason, now())
    api = place.connect()
    body = find(api, api.namespace, named(words), (verb.kind,))
    if other := unhandled(body):
        say(f"{other} was not handled yet: {verb.name} takes its place")
    before = events_before(api, body)
    body = ask(api, body, request)
    if longest is None:
        print(f"{called(body)}: asked for {request}")
        return
    with ended_cleanly():
        answer = wait(api, body, request, longest, before, say)
    print(f"{called(body)}: {answer.sentence}")
    if not answer.heeded:
        raise typer.Exit(FAILED)


def add_verbs(app: typer.Typer) -> None:
    """Add a command for each verb."""
    app.command("promote", help=VERBS[0].help)(promote)
    for verb in VERBS[1:]:
        app.command(verb.name, help=verb.help)(_command_of(verb))


def _command_of(verb: Verb) -> Callable[..., None]:
    def run(
        ctx: typer.Context,
        words: One,
        namespace: Namespace = "",
        reason: Reason = "",
        no_wait: NoWait = False,
        timeout: Timeout = "60s",
        context: Context = "",
        kubeconfig: Kubeconfig = "",
    ) -> None:
        longest = None if no_wait else seconds_of(timeout)
        place = place_of(ctx, namespace, context, kubeconfig)
        _request(place, verb, False, words, reason, longest)

    return run


def promote(
    ctx: typer.Context,
    words: One,
    full: Annotated[
        bool, typer.Option("--full", help="End all steps: it takes over now, and is still judged.")
    ] = False,
    namespace: Namespace = "",
    reason: Reason = "",
    no_wait: NoWait = False,
    timeout: Timeout = "60s",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Ask for the end of a step, or of all of them."""
    longest = None if no_wait else seconds_of(timeout)
    place = place_of(ctx, namespace, context, kubeconfig)
    _request(place, VERBS[0], full, words, reason, longest)
