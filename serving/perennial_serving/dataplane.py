"""Inference over arrays, whatever transport they came by."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_artifact.window import Window
from perennial_serving.drift import Recorder
from perennial_serving.errors import RequestError
from perennial_serving.metrics import Metrics
from perennial_serving.model import Model

# An inference that is expected to take longer than this would hold up the event loop.
INLINE_SECONDS = 0.002
_WEIGHT = 0.2  # of the newest inference in the moving average
_LOG_SECONDS = 10.0


class DataPlane:
    """One model with its metrics and its drift windows; any thread may call it."""

    def __init__(self, model: Model, metrics: Metrics) -> None:
        """Take a loaded model.

        Raises:
            ModelInvalid: its profile does not fit it.
        """
        self.model = model
        self.metrics = metrics
        self._outputs = {t.name: t for t in model.outputs}
        self._recorder = None if model.profile is None else Recorder(model.profile, model)
        self._seconds_per_row = model.warm_up()
        self._logged = float("-inf")

    def is_quick(self, rows: int) -> bool:
        """Say whether so many rows may run on the event loop: a guess from what runs took."""
        return rows * self._seconds_per_row < INLINE_SECONDS

    def check_outputs(self, names: Sequence[str]) -> None:
        """Refuse outputs that are not there.

        Raises:
            RequestError: 400, an output is unknown or asked for twice.
        """
        for name in names:
            if name not in self._outputs:
                raise RequestError(
                    400,
                    f"output {name[:64]!r} is unknown: expected {', '.join(self._outputs)}",
                )
        if len(set(names)) != len(names):
            raise RequestError(400, "an output is asked for twice")

    def infer(
        self, feeds: Mapping[str, NDArray[Any]], rows: int, names: Sequence[str] = ()
    ) -> list[tuple[Tensor, NDArray[Any]]]:
        """Run the model on arrays that fit its signature; no names are all outputs.

        Raises:
            RequestError: 500, the model itself failed.
        """
        began = time.perf_counter()
        try:
            results = dict(zip(self.model.output_names, self.model.run(feeds), strict=True))
        except Exception as error:
            self._log(error)
            raise RequestError(500, f"the model failed: {str(error)[:512]}") from error
        finally:
            # A failure's time counts too: a model may take long to fail.
            taken = time.perf_counter() - began
            self._seconds_per_row += _WEIGHT * (taken / rows - self._seconds_per_row)
        self.metrics.inference.observe(taken)
        if self._recorder is not None:
            self._recorder.record(feeds, results, rows)
        return [(self._outputs[name], results[name]) for name in names or self.model.output_names]

    def window(self, seconds: float) -> Window | None:
        """Return the drift window, None where the model has no profile."""
        return None if self._recorder is None else self._recorder.window(seconds)

    def _log(self, error: Exception) -> None:
        # Not each one: a bad model under load would fill the node's disk.
        now = time.monotonic()
        if now - self._logged > _LOG_SECONDS:
            self._logged = now
            print(f"the model failed: {str(error)[:2048]}", file=sys.stderr, flush=True)
