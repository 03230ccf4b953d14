"""What the kinds are called: by people here, by kubectl, by the API server."""

from __future__ import annotations

from dataclasses import dataclass

from perennial.api import KINDS
from perennial.api.values import Json
from perennial.cli.lenient import meta


@dataclass(frozen=True)
class Kind:
    """One of the four kinds."""

    kind: str
    plural: str
    short: str

    @property
    def word(self) -> str:
        """What it is called here, such as deployment."""
        return self.kind.removeprefix("Model").removeprefix("Drift").lower()

    def called(self, name: str) -> str:
        """Return an object's name as it is printed, and understood, here."""
        return f"{self.word}/{name}"

    @property
    def names(self) -> tuple[str, ...]:
        """All that it may be called on a command line."""
        return (self.word, f"{self.word}s", self.kind.lower(), self.plural, self.short)


ALL = tuple(Kind(k.kind(), k.PLURAL, k.SHORT) for k in KINDS)
TRAINING, VERSION, DEPLOYMENT, MONITOR = ALL


def kind_called(word: str) -> Kind | None:
    """Return the kind that a word means: deployment, deployments, md, ModelDeployment; or None."""
    plain = word.lower().removesuffix(".perennial.dev")
    return next((k for k in ALL if plain in k.names), None)


def kind_of(body: Json) -> Kind:
    """Return the kind of an object of ours."""
    return next(k for k in ALL if k.kind == body["kind"])


def called(body: Json) -> str:
    """Return what an object of ours is called, such as deployment/flights."""
    return kind_of(body).called(meta(body, "name"))
