"""What may be written next on the command line: kinds, and names in the cluster."""

from __future__ import annotations

from typing import Any

import typer

from perennial.cli.connection import Connection
from perennial.cli.kinds import ALL, DEPLOYMENT, MONITOR, TRAINING, Kind, kind_called
from perennial.cli.lenient import meta
from perennial.cli.problem import Problem

PROGRAM, COMPLETE = "kubectl-perennial", "_KUBECTL_PERENNIAL_COMPLETE"
"""The program, and the variable by which a shell asks it for what may come next."""
OF_ANY = frozenset({"get", "watch", "history", "lineage", "status"})
"""Commands about objects of any kind."""


def complete_object(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return kinds and names that begin as what was written so far; none where none can be had."""
    words = [w for w in ctx.params.get("words") or () if isinstance(w, str)]
    verb = ctx.info_name or ""
    kinds = {"retrain": (TRAINING,), "report": (MONITOR,)}.get(
        verb, ALL if verb in OF_ANY else (DEPLOYMENT,)
    )
    found: list[str] = []
    if not words:
        found = [k.word for k in kinds]
        kind_word, slash, _ = incomplete.partition("/")
        if slash:
            kind = kind_called(kind_word)
            found = [f"{kind_word}/{name}" for name in _names(ctx, (kind,))] if kind else []
        else:
            found += _names(ctx, kinds)
    elif len(words) == 1 and (kind := kind_called(words[0])) is not None:
        found = _names(ctx, (kind,))
    return sorted({f for f in found if f.startswith(incomplete)})


def _names(ctx: typer.Context, kinds: tuple[Kind, ...]) -> list[str]:
    given = {**_set(ctx.parent), **_set(ctx)}
    try:
        api = Connection(*(given.get(o, "") for o in ("kubeconfig", "context", "namespace")))
        return [meta(o, "name") for kind in kinds for o in api.objects(kind, api.namespace)]
    except Problem:
        return []


def _set(ctx: Any) -> dict[str, str]:
    """Return what was written of the options that say where."""
    params = ctx.params if ctx is not None else {}
    return {k: v for k, v in params.items() if isinstance(v, str) and v}
