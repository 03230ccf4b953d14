"""Inference over arrays, whatever transport they came by, and the drift sketch beside it."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_artifact.profile import Profile
from perennial_artifact.sketch import Sketch
from perennial_artifact.window import Window
from perennial_serving.errors import RequestError
from perennial_serving.metrics import Metrics
from perennial_serving.model import Model


class DataPlane:
    """One model with its metrics and its sketch. Belongs to the event loop's thread."""

    def __init__(self, model: Model, metrics: Metrics) -> None:
        self.model = model
        self.metrics = metrics
        self._outputs = {t.name: t for t in model.outputs}
        self._sketch: Sketch | None = None
        self._wanted: str | None = None
        if model.profile is not None:
            profile = Profile.model_validate_json(model.profile)
            digest = hashlib.sha256(model.profile).hexdigest()
            self._sketch = Sketch(profile, digest, model.name, model.version)
            self._wanted = profile.predictions[0].name if profile.predictions else None

    def infer(
        self, feeds: dict[str, NDArray[Any]], names: list[str] | None
    ) -> list[tuple[Tensor, NDArray[Any]]]:
        """Run the model and count the rows.

        Raises:
            RequestError: an unknown output is asked for (400), or the model itself fails (500).
        """
        for name in names or ():
            if name not in self._outputs:
                raise RequestError(
                    400,
                    f"output {name[:64]!r} is unknown; the model gives {', '.join(self._outputs)}",
                )
        every = list(self._outputs)
        began = time.perf_counter()
        try:
            results = dict(zip(every, self.model.run(feeds, every), strict=True))
        except Exception as error:
            raise RequestError(500, f"the model failed: {str(error)[:512]}") from error
        self.metrics.inference.observe(time.perf_counter() - began)
        if self._sketch is not None:
            self._sketch.observe(feeds, self._predictions(results), time.time())
        return [(self._outputs[name], results[name]) for name in names or every]

    def _predictions(self, results: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return what the profile's predictions are about: a probability, a label or a number."""
        if self._wanted == "probability" and "probabilities" in results:
            return {"probability": np.asarray(results["probabilities"])[:, -1]}
        if self._wanted is not None and self._wanted in results:
            return {self._wanted: np.asarray(results[self._wanted])}
        return {}

    def window(self, seconds: float) -> Window | None:
        """Return the drift window, None where the model has no profile."""
        return None if self._sketch is None else self._sketch.window(seconds, time.time())
