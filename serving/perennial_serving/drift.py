"""The drift sketch beside inference: cheap for a request, exact in a window."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from perennial_artifact.manifest import Tensor
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.sketch import Sketch
from perennial_artifact.window import Window
from perennial_serving.errors import ModelInvalid
from perennial_serving.model import Model

Arrays = Mapping[str, NDArray[Any]]

# Counting costs the same for one row as for hundreds, so rows wait for company; a window that is
# read counts them first, and a second is well below the width of a bucket.
PENDING_ROWS = 512
PENDING_SECONDS = 1.0


class Recorder:
    """Counts inputs and predictions of one model; any thread may call it."""

    def __init__(self, profile: bytes, model: Model) -> None:
        """Match the profile with the model's tensors.

        Raises:
            ModelInvalid: the profile cannot be read, or speaks of another kind of column.
        """
        try:
            parsed = Profile.model_validate_json(profile)
        except ValidationError as error:
            raise ModelInvalid(f"profile.json cannot be read: {error}") from error
        digest = hashlib.sha256(profile).hexdigest()
        self._sketch = Sketch(parsed, digest, model.name, model.version)
        self._features = _matching(parsed.features, model.inputs)
        self._wanted = ""
        self._column: int | None = None
        if parsed.predictions:
            self._wanted, self._column = _prediction(parsed.predictions[0], model.outputs)
        self._name = parsed.predictions[0].name if parsed.predictions else ""
        self._lock = threading.Lock()
        self._pending: list[tuple[Arrays, NDArray[Any] | None]] = []
        self._pending_rows = 0
        self._pending_since = 0.0

    def record(self, inputs: Arrays, outputs: Arrays, rows: int) -> None:
        """Count a request of ``rows`` rows."""
        predictions = outputs[self._wanted] if self._wanted else None
        if predictions is not None and self._column is not None:
            predictions = predictions[:, self._column]
        now = time.time()
        if rows >= PENDING_ROWS:
            # In pieces, so that the event loop never waits long for the lock.
            for first in range(0, rows, PENDING_ROWS):
                part = slice(first, first + PENDING_ROWS)
                with self._lock:
                    self._observe(
                        [({n: inputs[n][part] for n in self._features}, _part(predictions, part))],
                        now,
                    )
            return
        with self._lock:
            if self._pending and now - self._pending_since > PENDING_SECONDS:
                self._flush()
            if not self._pending:
                self._pending_since = now
            self._pending.append((inputs, predictions))
            self._pending_rows += rows
            if self._pending_rows >= PENDING_ROWS:
                self._flush()

    def window(self, seconds: float) -> Window:
        """Return what was counted in the last ``seconds``."""
        with self._lock:
            self._flush()
            return self._sketch.window(seconds, time.time())

    def _flush(self) -> None:
        if self._pending:
            self._observe(self._pending, self._pending_since)
            self._pending, self._pending_rows = [], 0

    def _observe(self, many: Sequence[tuple[Arrays, NDArray[Any] | None]], now: float) -> None:
        inputs = {n: np.concatenate([i[n].ravel() for i, _ in many]) for n in self._features}
        predicted = [p.ravel() for _, p in many if p is not None]
        predictions = {self._name: np.concatenate(predicted)} if predicted else {}
        self._sketch.observe(inputs, predictions, now)


def _part(values: NDArray[Any] | None, part: slice) -> NDArray[Any] | None:
    return None if values is None else values[part]


def _matching(features: Sequence[FeatureProfile], inputs: Sequence[Tensor]) -> tuple[str, ...]:
    """Return the profiled inputs that carry one value a row."""
    tensors = {t.name: t for t in inputs}
    names = []
    for feature in features:
        tensor = tensors.get(feature.name)
        if tensor is None or tensor.shape not in ([-1], [-1, 1]):
            raise ModelInvalid(
                f"profile.json describes a column {feature.name!r}, which is no input of one value "
                "a row"
            )
        _same_kind(feature, tensor)
        names.append(feature.name)
    return tuple(names)


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
