"""The drift sketch beside inference: cheap for a request, exact in a window."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import numpy as np

from perennial_artifact.buckets import Buckets, Counts
from perennial_artifact.manifest import Tensor
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.sketch import AT_ONCE, Sketch
from perennial_artifact.windows import Column
from perennial_serving.model.datatypes import Arrays
from perennial_serving.model.loaded import Model
from perennial_serving.system.errors import ModelInvalid

# Counting costs nearly the same for one row as for a hundred, so rows wait for company; a window
# that is read counts them first, and a second is well below the width of a bucket.
PENDING_SECONDS = 1.0


class Recorder:
    """Counts inputs and predictions of one model, on the event loop's thread."""

    LARGE_ROWS = 1024
    """More than these are counted in pieces: some 0.2 ms at 30 features."""

    def __init__(self, profile: Profile, digest: str, model: Model) -> None:
        """Match the profile, whose file has this SHA-256, with the model's tensors.

        Raises:
            ModelInvalid: the profile speaks of another kind of column.
        """
        self.digest = digest
        self._sketch = Sketch(profile)
        found = _matching(profile.features, model.inputs)
        self._inputs = {tensor for tensor, _ in found}
        self._others = {t.name for t in model.inputs} - self._inputs
        found += [_prediction(p, model.outputs) for p in profile.predictions]
        self._outputs = {tensor for tensor, _ in found[len(profile.features) :]}
        self._numeric = _blocks([found[i] for i in self._sketch.numeric])
        self._categorical = [found[i] for i in self._sketch.categorical]
        self._pending: list[tuple[Arrays, Arrays]] = []
        self._rows = 0
        self._since = 0.0

    @property
    def maximum_bytes(self) -> int:
        """What all buckets of the retention take together."""
        return self._sketch.maximum_bytes

    @property
    def buckets(self) -> Buckets[Counts]:
        """The counts by time."""
        return self._sketch.buckets

    def record(self, inputs: Arrays, outputs: Arrays, rows: int) -> None:
        """Count a request of ``rows`` rows."""
        now = time.time()
        if not self._pending:
            self._since = now
        elif now - self._since > PENDING_SECONDS:
            self._flush()
            self._since = now
        if self._others:  # not to be held on to: they may be large, and share memory with ours
            inputs = {name: inputs[name].copy() for name in self._inputs}
        self._pending.append((inputs, outputs))
        self._rows += rows
        if self._rows >= AT_ONCE:
            self._flush()

    async def record_many(self, inputs: Arrays, outputs: Arrays, rows: int) -> None:
        """Count a large request in pieces, so that others are answered in between."""
        for first in range(0, rows, self.LARGE_ROWS):
            part = slice(first, first + self.LARGE_ROWS)
            ours = {name: inputs[name][part] for name in self._inputs}
            theirs = {name: outputs[name][part] for name in self._outputs}
            self.record(ours, theirs, min(self.LARGE_ROWS, rows - first))
            await asyncio.sleep(0)
        self._flush()  # what waits for company would hold all of the request

    def between(self, start: int, end: int, now: float) -> tuple[int, list[Column], list[Column]]:
        """Return rows, features and predictions of ``[start, end)``, bounds of closed buckets."""
        self._flush()
        return self._sketch.between(start, end, now)

    def _flush(self) -> None:
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        rows, self._rows = self._rows, 0
        joined = {name: np.concatenate([i[name] for i, _ in pending]) for name in self._inputs}
        joined |= {name: np.concatenate([o[name] for _, o in pending]) for name in self._outputs}
        blocks = [joined[tensor].reshape(rows, -1)[:, columns] for tensor, columns in self._numeric]
        numbers = np.concatenate(blocks, axis=1) if blocks else np.empty((rows, 0))
        categories = [
            joined[tensor] if column is None else joined[tensor][:, column]
            for tensor, column in self._categorical
        ]
        self._sketch.observe(numbers, categories, rows, self._since)


_Place = tuple[str, int | None]
"""A tensor, and a column of it where it has many."""


def _blocks(places: Sequence[_Place]) -> list[tuple[str, slice]]:
    """Join neighbours in one matrix, so that they are taken from it at once."""
    blocks: list[tuple[str, slice]] = []
    for tensor, column in places:
        if column is None:
            blocks.append((tensor, slice(None)))
        elif column >= 0 and blocks and blocks[-1] == (tensor, slice(blocks[-1][1].start, column)):
            blocks[-1] = (tensor, slice(blocks[-1][1].start, column + 1))
        else:  # -1 is the last column
            blocks.append((tensor, slice(column, column + 1 or None)))
    return blocks


def _matching(features: Sequence[FeatureProfile], inputs: Sequence[Tensor]) -> list[_Place]:
    """Return where each profiled feature is: an input of one value a row, or a matrix' column."""
    if len(inputs) == 1 and inputs[0].shape == [-1, len(features)] and len(features) > 1:
        for feature in features:
            _same_kind(feature, inputs[0])
        return [(inputs[0].name, n) for n in range(len(features))]
    tensors = {t.name: t for t in inputs}
    found: list[_Place] = []
    for feature in features:
        tensor = tensors.get(feature.name)
        if tensor is None or tensor.shape not in ([-1], [-1, 1]):
            raise ModelInvalid(
                f"profile.json describes a column {feature.name!r}, which is no input of one value "
                "a row"
            )
        _same_kind(feature, tensor)
        found.append((tensor.name, None))
    return found


def _prediction(profile: FeatureProfile, outputs: Sequence[Tensor]) -> _Place:
    """Return the output that a prediction's profile is about, and its column where it has many."""
    tensors = {t.name: t for t in outputs}
    if profile.name == "probability":
        tensor, column = tensors.get("probabilities"), -1
        fits = tensor is not None and len(tensor.shape) == 2
    else:
        tensor, column = tensors.get(profile.name), None
        fits = tensor is not None and tensor.shape in ([-1], [-1, 1])
    if tensor is None or not fits:
        raise ModelInvalid(f"profile.json describes {profile.name!r}, which no output carries")
    _same_kind(profile, tensor)
    return tensor.name, column


def _same_kind(profile: FeatureProfile, tensor: Tensor) -> None:
    if profile.kind == "Numeric" and tensor.datatype == "BYTES":
        raise ModelInvalid(f"profile.json says that {tensor.name!r} is numeric, but it is BYTES")
