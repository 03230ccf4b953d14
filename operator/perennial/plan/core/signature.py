"""What a model takes and gives, as serving pods tell it, and what its clients lose by another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from perennial.api.version import ModelVersion

SHOWN = 64
"""Characters of a name that are told."""


class Known(msgspec.Struct, frozen=True):
    """What is known of a tensor beyond its shape."""

    kind: str = ""
    """What the column holds, of a model that we trained: any value of it, or all, may be absent."""
    classes: tuple[str, ...] = ()
    """Whose probabilities the columns are."""


class Tensor(msgspec.Struct, frozen=True):
    """One input or output; a dimension of -1 varies."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: Known = Known()


class Signature(msgspec.Struct, frozen=True):
    """What a model takes and gives: its metadata in the Open Inference Protocol."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @classmethod
    def from_json(cls, body: bytes) -> Signature:
        """Read a model's metadata; what else it tells is left out.

        Raises:
            ValueError: it is no JSON, or not of this form.
        """
        try:
            return msgspec.json.decode(body, type=cls)
        except RecursionError as error:
            raise ValueError("the JSON is nested too deeply") from error


def recorded(version: ModelVersion | None) -> Signature | None:
    """Return what is recorded of a version, without its classes; None where nothing is."""
    found = version.spec.signature if version is not None else None
    if version is None or found is None:
        return None
    # A model that we trained takes what a table has, so that any input may be left out.
    known = Known(kind="Any") if version.spec.source.training_ref is not None else Known()
    inputs = tuple(Tensor(t.name, t.datatype, tuple(t.shape), known) for t in found.inputs)
    outputs = tuple(Tensor(t.name, t.datatype, tuple(t.shape)) for t in found.outputs)
    return Signature(inputs, outputs)


@dataclass(frozen=True)
class SignatureQuestion:
    """What one pod's model takes and gives."""

    pod: str
    revision: str
    address: str
    model: str


@dataclass(frozen=True)
class SignatureAnswer:
    """What came of a question; a pod that gave no signature says its ``problem``."""

    pod: str
    revision: str
    signature: Signature | None = None
    problem: str = ""


def differences(old: Signature, new: Signature) -> list[str]:
    """Return, in words, what the old one's clients cannot count on any more with the new one.

    An input may be wider and an output narrower than it was, and what is new is nobody's loss,
    unless it is required.
    """
    found = [
        *_lost("input", {t.name: t for t in old.inputs}, {t.name: t for t in new.inputs}),
        *_lost("output", {t.name: t for t in old.outputs}, {t.name: t for t in new.outputs}),
    ]
    before = {t.name: t for t in old.inputs}
    for tensor in new.inputs:
        was = before.get(tensor.name)
        if not tensor.parameters.kind and (was is None or was.parameters.kind):
            state = "new and required" if was is None else "required now"
            found.append(f"input {tensor.name[:SHOWN]!r} is {state}")
    return found


def _lost(side: str, old: dict[str, Tensor], new: dict[str, Tensor]) -> Iterator[str]:
    for name, was in old.items():
        tensor, now = f"{side} {name[:SHOWN]!r}", new.get(name)
        if now is None:
            yield f"{tensor} is gone"
            continue
        if now.datatype != was.datatype:
            yield f"{tensor} is {now.datatype[:SHOWN]} and was {was.datatype[:SHOWN]}"
        wider, narrower = (now, was) if side == "input" else (was, now)
        if not _takes(wider.shape, narrower.shape):
            yield f"{tensor} has the shape {_listed(now.shape)} and had {_listed(was.shape)}"
        if was.parameters.classes and now.parameters.classes != was.parameters.classes:
            classes, before = (_listed(t.parameters.classes) for t in (now, was))
            yield f"{tensor} has the classes {classes or '(none told)'} and had {before}"


def _takes(wider: tuple[int, ...], narrower: tuple[int, ...]) -> bool:
    """Tell whether all that has one shape has the other, too."""
    sizes = zip(wider, narrower, strict=False)
    return len(wider) == len(narrower) and all(w in (-1, n) for w, n in sizes)


def _listed(values: tuple[object, ...]) -> str:
    shown = [str(value)[:SHOWN] for value in values[:10]]
    return ", ".join([*shown, f"{len(values) - 10} more"] if len(values) > 10 else shown)
