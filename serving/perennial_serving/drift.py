"""The drift sketch beside inference: cheap for a request, exact in a window."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.sketch import Sketch
from perennial_artifact.window import Window
from perennial_serving.errors import ModelInvalid
from perennial_serving.model import Model

Arrays = Mapping[str, NDArray[Any]]

# Counting costs the same for one row as for hundreds, so rows wait for company; a window that is
# read counts them first, and a second is well below the width of a bucket.
PENDING_SECONDS = 1.0


class Recorder:
    """Counts inputs and predictions of one model, on the event loop's thread."""

    AT_ONCE = 512
    """Rows that are counted in one go: some 2 ms at 30 features."""

    def __init__(self, profile: Profile, digest: str, model: Model) -> None:
        """Match the profile, whose file has this SHA-256, with the model's tensors.

        Raises:
            ModelInvalid: the profile speaks of another kind of column.
        """
        self._sketch = Sketch(profile, digest, model.name, model.version)
        self._columns = _matching(profile.features, model.inputs)
        self._wanted = ""
        self._column: int | None = None
        if profile.predictions:
            self._wanted, self._column = _prediction(profile.predictions[0], model.outputs)
        self._name = profile.predictions[0].name if profile.predictions else ""
        self._tensors = {tensor for tensor, _ in self._columns.values()}
        self._others = {t.name for t in model.inputs} - self._tensors
        self._pending: list[tuple[Arrays, Arrays]] = []
        self._pending_rows = 0
        self._pending_since = 0.0

    def record(self, inputs: Arrays, outputs: Arrays, rows: int) -> None:
        """Count a request of ``rows`` rows."""
        now = time.time()
        if self._pending and now - self._pending_since > PENDING_SECONDS:
            self._flush()
        if not self._pending:
            self._pending_since = now
        if self._others:  # not to be held on to: they may be large
            inputs = {name: inputs[name] for name in self._tensors}
        self._pending.append((inputs, outputs))
        self._pending_rows += rows
        if self._pending_rows >= self.AT_ONCE:
            self._flush()

    async def record_many(self, inputs: Arrays, outputs: Arrays, rows: int) -> None:
        """Count a large request in pieces, so that others are answered in between."""
        for first in range(0, rows, self.AT_ONCE):
            part = slice(first, first + self.AT_ONCE)
            ours = {name: values[part] for name, values in inputs.items()}
            theirs = {name: values[part] for name, values in outputs.items()}
            self.record(ours, theirs, min(self.AT_ONCE, rows - first))
            await asyncio.sleep(0)

    def window(self, seconds: float) -> Window:
        """Return what was counted in the last ``seconds``."""
        self._flush()
        return self._sketch.window(seconds, time.time())

    def _flush(self) -> None:
        if not self._pending:
            return
        pending, self._pending, self._pending_rows = self._pending, [], 0
        joined = {
            tensor: np.concatenate([inputs[tensor] for inputs, _ in pending])
            for tensor in self._tensors
        }
        values = {
            name: joined[tensor] if column is None else joined[tensor][:, column]
            for name, (tensor, column) in self._columns.items()
        }
        predictions: dict[str, NDArray[Any]] = {}
        if self._wanted:
            found = np.concatenate([outputs[self._wanted] for _, outputs in pending])
            predictions[self._name] = found if self._column is None else found[:, self._column]
        self._sketch.observe(values, predictions, self._pending_since)


def _matching(
    features: Sequence[FeatureProfile], inputs: Sequence[Tensor]
) -> dict[str, tuple[str, int | None]]:
    """Return where each profiled feature is: an input of one value a row, or a matrix' column."""
    if len(inputs) == 1 and inputs[0].shape == [-1, len(features)] and len(features) > 1:
        for feature in features:
            _same_kind(feature, inputs[0])
        return {feature.name: (inputs[0].name, n) for n, feature in enumerate(features)}
    tensors = {t.name: t for t in inputs}
    found: dict[str, tuple[str, int | None]] = {}
    for feature in features:
        tensor = tensors.get(feature.name)
        if tensor is None or tensor.shape not in ([-1], [-1, 1]):
            raise ModelInvalid(
                f"profile.json describes a column {feature.name!r}, which is no input of one value "
                "a row"
            )
        _same_kind(feature, tensor)
        found[feature.name] = (tensor.name, None)
    return found


def _prediction(profile: FeatureProfile, outputs: Sequence[Tensor]) -> tuple[str, int | None]:
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
