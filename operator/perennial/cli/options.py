"""What may be written with many commands: which object, and in which cluster and namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from perennial.api.values import seconds
from perennial.cli.completion import complete_object
from perennial.cli.connection import Connection
from perennial.cli.problem import called_wrongly


@dataclass(frozen=True)
class Where:
    """Which cluster and namespace is meant."""

    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""

    def connect(self) -> Connection:
        """Connect to the cluster."""
        return Connection(self.kubeconfig, self.context, self.namespace)


Namespace = Annotated[
    str, typer.Option("-n", "--namespace", help="Namespace; by default the context's.")
]
Context = Annotated[str, typer.Option("--context", help="Context of the kubeconfig.")]
Kubeconfig = Annotated[str, typer.Option("--kubeconfig", help="Kubeconfig file.")]
Everywhere = Annotated[bool, typer.Option("-A", "--all-namespaces", help="All namespaces.")]
Watched = Annotated[bool, typer.Option("-w", "--watch", help="Show it as it changes.")]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KIND] [NAME]",
        help="A kind, a name, or both; the kind may be left out where the name says it.",
        autocompletion=complete_object,
    ),
]
One = Annotated[
    list[str],
    typer.Argument(
        metavar="[KIND] NAME",
        help="The name; the kind may be left out.",
        autocompletion=complete_object,
    ),
]
Timeout = Annotated[str, typer.Option("--timeout", help="Longest wait, such as 90s or 10m.")]


def place_of(ctx: typer.Context, namespace: str, context: str, kubeconfig: str) -> Where:
    """Return where, by what was written behind the command, else before it."""
    before = ctx.obj if isinstance(ctx.obj, Where) else Where()
    return Where(
        namespace or before.namespace,
        context or before.context,
        kubeconfig or before.kubeconfig,
    )


def seconds_of(timeout: str) -> float:
    """Return a timeout in seconds.

    Raises:
        Problem: it is none.
    """
    try:
        return seconds(timeout)
    except ValueError as error:
        raise called_wrongly(str(error)) from error
