"""The command line: what may be asked, and what is answered."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer
import yaml
from rich.console import RenderableType

from perennial.api.values import Json
from perennial.cli.completion import COMPLETE, PROGRAM
from perennial.cli.connection import Connection
from perennial.cli.following import follow_kind
from perennial.cli.kinds import ALL, DEPLOYMENT, MONITOR, TRAINING, VERSION, Kind, called, kind_of
from perennial.cli.lenient import at, meta, text
from perennial.cli.naming import Named, find, named
from perennial.cli.options import (
    Context,
    Everywhere,
    Kubeconfig,
    Namespace,
    One,
    Timeout,
    Watched,
    Where,
    Words,
    place_of,
    seconds_of,
)
from perennial.cli.problem import FAILED, Problem, called_wrongly
from perennial.cli.reports import newest_page
from perennial.cli.screen import console, ended_cleanly, now, say, write
from perennial.cli.shown import history as shown_history
from perennial.cli.shown.deployment import deployment
from perennial.cli.shown.heading import standing
from perennial.cli.shown.lineage import Objects
from perennial.cli.shown.lineage import lineage as shown_lineage
from perennial.cli.shown.monitor import monitor
from perennial.cli.shown.overview import overview, plain_list
from perennial.cli.shown.state import state_of
from perennial.cli.shown.training import training
from perennial.cli.shown.version import version
from perennial.cli.shown.words import duration
from perennial.cli.verbs import add_verbs
from perennial.cli.watching import Scene
from perennial.cli.watching import watch as watch_page

app = typer.Typer(
    help="See and steer the models that Perennial keeps.",
    epilog="Exit codes: 0 done, 1 failed or timed out, 2 called wrongly, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def where(
    ctx: typer.Context,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """See and steer the models that Perennial keeps."""
    ctx.obj = Where(namespace, context, kubeconfig)


@app.command("get")
def get(
    ctx: typer.Context,
    words: Words = None,
    namespace: Namespace = "",
    everywhere: Everywhere = False,
    watch: Watched = False,
    output: Annotated[
        Literal["json", "yaml"] | None, typer.Option("-o", "--output", help="The objects whole.")
    ] = None,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show models: all, those of a kind, or one."""
    place, which = place_of(ctx, namespace, context, kubeconfig), named(words or [])
    if which.name and everywhere:
        raise called_wrongly(f"-A is for lists: {which.name} is in one namespace, name it with -n")
    if watch and output:
        raise called_wrongly("-o gives what is there now, -w what changes: take one of them")
    if watch:
        _watch(place, which, everywhere)
        return
    api = place.connect()
    inside = "" if everywhere else api.namespace
    if which.name:
        body = find(api, inside, which)
        if output:
            _print_whole(body, output)
        else:
            pods = _pods(api, body)
            out = console()
            write(out, page_of(body, pods, out.width))
        return
    kinds = ALL if which.kind is None else (which.kind,)
    objects = [o for kind in kinds for o in api.objects(kind, inside)]
    if output:
        _print_whole({"apiVersion": "v1", "kind": "List", "items": objects}, output)
    elif objects:
        listing = overview if which.kind is None else plain_list
        write(console(), listing(objects, now(), everywhere))
    else:
        _tell_none(which, inside)


def _pods(api: Connection, body: Json) -> list[Json]:
    """Return the pods of a ModelDeployment; who may not see them, sees the rest."""
    if kind_of(body) != DEPLOYMENT:
        return []
    try:
        return api.pods_of(body)
    except Problem as problem:
        say(f"without its pods: {problem}")
        return []


def _tell_none(which: Named, namespace: str) -> None:
    what = f"{which.kind.word}s" if which.kind is not None else "models"
    say(f"no {what} in {f'namespace {namespace}' if namespace else 'any namespace'}")


def _print_whole(body: Json, output: str) -> None:
    """Print objects as the API server gave them, without who wrote which field."""
    for o in (body, *body.get("items", ())):
        o.get("metadata", {}).pop("managedFields", None)
    if output == "json":
        whole = json.dumps(body, indent=2, ensure_ascii=False)
        # JSON leaves these as they are, and a terminal might obey them.
        print(re.sub("[\x7f-\x9f]", lambda c: f"\\u{ord(c[0]):04x}", whole))
    else:
        yaml.safe_dump(body, sys.stdout, sort_keys=False, allow_unicode=True)


def page_of(body: Json, pods: list[Json], width: int) -> RenderableType:
    """Return the page of one object."""
    pages: dict[Kind, Callable[[], RenderableType]] = {
        TRAINING: lambda: training(body, now()),
        VERSION: lambda: version(body, now()),
        DEPLOYMENT: lambda: deployment(body, pods, now(), width),
        MONITOR: lambda: monitor(body, now()),
    }
    return pages[kind_of(body)]()


@app.command("watch")
def watch(
    ctx: typer.Context,
    words: Words = None,
    namespace: Namespace = "",
    everywhere: Everywhere = False,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show models as they change, until Ctrl-C."""
    _watch(place_of(ctx, namespace, context, kubeconfig), named(words or []), everywhere)


def _watch(place: Where, which: Named, everywhere: bool) -> None:
    api = place.connect()
    inside = "" if everywhere else api.namespace
    if which.name:
        scene = Scene(api, find(api, inside, which))

        def one(width: int) -> RenderableType | None:
            body = scene.body
            if body is None:
                return None
            return page_of(body, list(scene.pods), width)

        watch_page(one, scene.changed, scene.problem)
        return
    changed = threading.Event()
    kinds = ALL if which.kind is None else (which.kind,)
    for kind in kinds:
        api.objects(kind, inside)  # what is refused is told before a terminal is taken
    followed = [follow_kind(api, kind, inside, changed) for kind in kinds]

    def many(width: int) -> RenderableType | None:
        if any(f.items is None for f in followed):
            return None
        objects = [o for f in followed for o in f.items or ()]
        return (overview if which.kind is None else plain_list)(objects, now(), everywhere)

    watch_page(many, changed, lambda: next((f.problem for f in followed if f.problem), None))


@app.command("history")
def history(
    ctx: typer.Context,
    words: One,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show revisions, versions or looks of before."""
    place = place_of(ctx, namespace, context, kubeconfig)
    api = place.connect()
    body = find(api, api.namespace, named(words))
    kind = kind_of(body)
    if kind == DEPLOYMENT:
        page = shown_history.of_deployment(body, _records(api, body), now())
    elif kind == MONITOR:
        page = shown_history.of_monitor(body, now())
    else:
        versions = api.objects(VERSION, api.namespace)
        if kind == TRAINING:
            of = [
                v for v in versions if at(v, "spec.source.trainingRef.name") == meta(body, "name")
            ]
            page = shown_history.of_training(body, of, now())
        else:
            page = shown_history.of_version(body, _ancestors(body, versions), now())
    write(console(), page)


def _records(api: Connection, body: Json) -> list[Json]:
    """Return what revisions were made of; who may not see that, sees what the status knows."""
    try:
        return api.records_of(body)
    except Problem as problem:
        say(f"only what the status knows: {problem}")
        return []


def _ancestors(body: Json, versions: list[Json]) -> list[Json]:
    """Return what a version was compared with, and that with, as far as it is there."""
    by_name = {meta(v, "name"): v for v in versions}
    found: list[Json] = []
    parent = by_name.get(text(at(body, "spec.parent")))
    while parent is not None and parent not in found:
        found.append(parent)
        parent = by_name.get(text(at(parent, "spec.parent")))
    return found


@app.command("lineage")
def lineage(
    ctx: typer.Context,
    words: One,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show where a model came from and where it went."""
    place = place_of(ctx, namespace, context, kubeconfig)
    api = place.connect()
    body = find(api, api.namespace, named(words))
    objects = Objects([o for kind in ALL for o in api.objects(kind, api.namespace)])
    write(console(), shown_lineage(body, objects))


@app.command("report")
def report(
    ctx: typer.Context,
    words: One,
    output: Annotated[
        str, typer.Option("-o", "--output", help="The file to write; - for standard output.")
    ] = "",
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Fetch the newest report of a monitor, a page for a browser."""
    place = place_of(ctx, namespace, context, kubeconfig)
    api = place.connect()
    body = find(api, api.namespace, named(words), (MONITOR,))
    number, page = newest_page(api, body)
    if output == "-":
        sys.stdout.buffer.write(page)
        return
    file = Path(output or f"{meta(body, 'name')}-report-{number}.html")
    try:
        file.write_bytes(page)
    except OSError as error:
        raise Problem(f"{file} cannot be written: {error.strerror}") from error
    print(f"{file}: report {number} of {called(body)}")


@app.command("status")
def status(
    ctx: typer.Context,
    words: One,
    namespace: Namespace = "",
    watch: Annotated[
        bool, typer.Option("-w", "--watch", help="Wait until it is done or has failed.")
    ] = False,
    timeout: Timeout = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Tell how an object stands: exit code 0 is done."""
    place = place_of(ctx, namespace, context, kubeconfig)
    longest = seconds_of(timeout) if timeout else float("inf")
    if timeout and not watch:
        raise called_wrongly("--timeout is for --watch")
    api = place.connect()
    body = find(api, api.namespace, named(words))
    out, line = console(), standing(body)
    write(out, line)
    if watch and state_of(body).stage == "UnderWay":
        with ended_cleanly():
            body = _until_over(api, body, line.plain, longest)
    if state_of(body).stage != "Done":
        raise typer.Exit(FAILED)


def _until_over(api: Connection, body: Json, before: str, longest: float) -> Json:
    """Write a line whenever an object stands otherwise, until it is done or has failed."""
    out, scene, deadline = console(), Scene(api, body), time.monotonic() + longest
    trouble = ""
    while state_of(body).stage == "UnderWay":
        left = deadline - time.monotonic()
        if left <= 0:
            raise Problem(f"{called(body)} was not done within {duration(longest)}")
        scene.changed.wait(min(left, 1.0))
        scene.changed.clear()
        why = str(scene.problem() or "")
        if why and why != trouble:
            say(f"not up to date: {why}; trying again")
        trouble = why
        body = scene.body or body
        line = standing(body)
        if line.plain != before:
            write(out, line)
        before = line.plain
    return body


add_verbs(app)


@app.command("completion")
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell it is for.")],
) -> None:
    """Print what completes commands in a shell."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    print(get_completion_script(prog_name=PROGRAM, complete_var=COMPLETE, shell=shell))
