"""One model with its metrics and its windows, whatever transport a request comes by."""

from __future__ import annotations

import hashlib
import math
import sys
import time
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.buckets import Buckets
from perennial_artifact.manifest import Tensor
from perennial_artifact.outcomes import Outcomes
from perennial_artifact.pairs import Pairs
from perennial_artifact.profile import Profile
from perennial_artifact.windows import Part, Requests, Window
from perennial_serving.evidence.drift import Recorder
from perennial_serving.evidence.metrics import Metrics
from perennial_serving.evidence.receipts.desk import Desk
from perennial_serving.evidence.receipts.keeper import Keeper
from perennial_serving.evidence.requestlog import columns
from perennial_serving.evidence.requestlog.recorder import PENDING_BYTES, RequestLog
from perennial_serving.evidence.requestlog.settings import LogSettings
from perennial_serving.evidence.taking import Taking
from perennial_serving.evidence.tracing import Tracing, is_on
from perennial_serving.evidence.usage import UsageCounts
from perennial_serving.model import strings
from perennial_serving.model.datatypes import Arrays
from perennial_serving.model.loaded import Model
from perennial_serving.model.rowwise import is_rowwise
from perennial_serving.system.cgroup import bounded_memory, memory_limit
from perennial_serving.system.errors import ModelInvalid, RequestError

_WEIGHT = 0.2  # of the newest inference in the moving average
_SURPRISE = 2.0  # times the average, at most, that an inference counts
_LOG_SECONDS = 10.0
_LONG = 0.5  # seconds a row
_BY_BUCKETS: tuple[Part, ...] = ("requests", "usage")


class DataPlane:
    """One model; all but ``run`` belong to the event loop's thread."""

    def __init__(
        self,
        model: Model,
        metrics: Metrics,
        drift: bool = True,
        log: LogSettings | None = None,
        batches: bool = True,
        receipts: Desk | None = None,
        pairs: Keeper | None = None,
        caller_header: str = "",
    ) -> None:
        """Take a loaded model, whether and where to log requests, and whether to batch them.

        Callers are counted by the header of that name, if any.

        Raises:
            ModelInvalid: its profile cannot be read or does not fit it.
        """
        self.model = model
        self.metrics = metrics
        self._began = time.time()
        profile = _profile(model)
        self.recorder = None
        if drift and profile is not None and model.profile is not None:
            digest = hashlib.sha256(model.profile).hexdigest()
            self.recorder = Recorder(profile, digest, model)
        self.tracing = Tracing(model.name, model.version) if is_on() else None
        self.log = None
        if log is not None:
            features = [f.name for f in profile.features] if profile is not None else []
            chosen = columns.choose(model, log.features, features)
            self.log = RequestLog(log, model, chosen, metrics)
        self.receipts, self.pairs = receipts, pairs
        self.usage = UsageCounts((t.name for t in model.inputs), caller_header)
        if receipts is not None:
            metrics.with_receipts()
        self.feedback = Taking(self.log, receipts, metrics)
        self.seconds_per_row = model.warm_up()
        """A guess from what runs took."""
        self.is_batchable = batches and model.is_batchable and self._try_together()
        """Whether rows of several requests may run together, or one's apart: it was tried."""
        tensors = (*model.inputs, *model.outputs)
        self._has_strings = any(t.datatype == "BYTES" for t in tensors)
        sizes = (math.prod(max(1, size) for size in t.shape[1:]) for t in model.outputs)
        self._widest_output = max(sizes, default=1)
        self._all = list(model.outputs)
        self._outputs = {t.name: t for t in model.outputs}
        self._logged = float("-inf")

    def _try_together(self) -> bool:
        if self.seconds_per_row > _LONG:  # a start that takes minutes for what gains little
            return False
        with bounded_memory(memory_limit()):
            return is_rowwise(self.model)

    def _rows_at_once(self, feeds: Arrays) -> int:
        """Return how many rows of a request with strings run at once.

        These are handed to onnxruntime, and taken from it, with the interpreter's lock held.
        """
        widest = max(values.size // len(values) for values in feeds.values())
        return max(1, strings.AT_ONCE // max(widest, self._widest_output))

    @property
    def kept_bytes(self) -> int:
        """The memory that windows and logs take at most, in bytes."""
        windows = sum(buckets.maximum_bytes for buckets in self._buckets(_BY_BUCKETS))
        receipts = self.receipts.maximum_bytes if self.receipts is not None else 0
        pairs = self.pairs.buckets.maximum_bytes if self.pairs is not None else 0
        columns = self.recorder.maximum_bytes if self.recorder is not None else 0
        return windows + columns + receipts + pairs + (PENDING_BYTES if self.log is not None else 0)

    def asked(self, names: Sequence[str]) -> list[Tensor]:
        """Return the outputs that a request asks for; none are all of them.

        Raises:
            RequestError: 400, an output is unknown or asked for twice.
        """
        if not names:
            return self._all
        if len(names) > len(self._all):
            raise RequestError(400, "more outputs are asked for than there are")
        for name in names:
            if name not in self._outputs:
                raise RequestError(
                    400,
                    f"output {name[:64]!r} is unknown: expected {', '.join(self._outputs)}",
                )
        if len(set(names)) != len(names):
            raise RequestError(400, "an output is asked for twice")
        return [self._outputs[name] for name in names]

    def run(self, feeds: Arrays) -> Arrays:
        """Run the model on arrays that fit its signature; any thread may.

        Raises:
            RequestError: 500, the model itself failed.
        """
        try:
            if self._has_strings and self.is_batchable:
                rows, most = len(next(iter(feeds.values()))), self._rows_at_once(feeds)
                if rows > most:
                    return self._run_apart(feeds, rows, most)
            return dict(zip(self.model.output_names, self.model.run(feeds), strict=True))
        except Exception as error:
            self._log(error)
            raise RequestError(500, f"the model failed: {str(error)[:512]}") from error

    def _run_apart(self, feeds: Arrays, rows: int, most: int) -> Arrays:
        """Run some rows after the others, so that other threads come to their turn in between."""
        results: dict[str, NDArray[Any]] = {}
        for first in range(0, rows, most):
            last = min(first + most, rows)
            found = self.model.run({name: v[first:last] for name, v in feeds.items()})
            for name, values in zip(self.model.output_names, found, strict=True):
                if len(values) != last - first:
                    raise ValueError("it does not answer row by row")
                if not first:
                    results[name] = np.empty((rows, *values.shape[1:]), values.dtype)
                results[name][first:last] = values
        return results

    def took(self, seconds: float, rows: int) -> None:
        """Learn how long a run took."""
        known = self.seconds_per_row
        # One run that the machine interrupted says little about the next.
        taken = min(seconds / rows, known * _SURPRISE) if known else seconds / rows
        self.seconds_per_row += _WEIGHT * (taken - known)
        self.metrics.inference.observe(seconds)

    def window(self, start: int, end: int, parts: Collection[Part]) -> Window:
        """Return what was counted in ``[start, end)``; parts that are not counted are None.

        Raises:
            RequestError: 425, the end has not come yet; 400, it is between the bounds of buckets.
        """
        now = time.time()
        if now < end:
            raise RequestError(425, f"the clock is {now:.3f}: ask again when it has passed {end}")
        buckets = self._buckets(parts)
        for moment in (start, end):
            width = max((b.width(moment, now) for b in buckets), default=1)
            if moment % width:
                raise RequestError(400, f"{moment} is in a bucket of {width} s: ask for its bounds")
        requests: Requests | None = None
        if "requests" in parts:
            requests = self.metrics.recent.between(start, end, now)
        found = Window(
            model=self.model.name,
            version=self.model.version,
            since=max([self._began, *(b.oldest(now) for b in buckets)]),
            clock=now,
            start=start,
            end=end,
            requests=requests,
            outcomes=self._outcomes(start, end, now) if "outcomes" in parts else None,
            pairs=self._pairs(start, end, now) if "pairs" in parts else None,
            usage=self.usage.between(start, end, now) if "usage" in parts else None,
        )
        if self.recorder is None or not {"features", "predictions"} & set(parts):
            return found
        rows, features, predictions = self.recorder.between(start, end, now)
        return found.replace(
            profile=self.recorder.digest,
            rows=rows,
            features=features if "features" in parts else None,
            predictions=predictions if "predictions" in parts else None,
        )

    def _outcomes(self, start: int, end: int, now: float) -> list[Outcomes] | None:
        return self.receipts.between(start, end, now) if self.receipts is not None else None

    def _pairs(self, start: int, end: int, now: float) -> Pairs | None:
        return self.pairs.between(start, end, now) if self.pairs is not None else None

    def _buckets(self, parts: Collection[Part]) -> list[Buckets[Any]]:
        """Return what parts are counted in."""
        found: list[Buckets[Any]] = [self.metrics.recent.buckets] if "requests" in parts else []
        if self.receipts is not None and "outcomes" in parts:
            found += self.receipts.buckets
        if self.pairs is not None and "pairs" in parts:
            found.append(self.pairs.buckets)
        if "usage" in parts:
            found.append(self.usage.buckets)
        if self.recorder is not None and {"features", "predictions"} & set(parts):
            found.append(self.recorder.buckets)
        return found

    def _log(self, error: Exception) -> None:
        # Not each one: a bad model under load would fill the node's disk.
        now = time.monotonic()
        if now - self._logged > _LOG_SECONDS:
            self._logged = now
            print(f"the model failed: {str(error)[:2048]}", file=sys.stderr, flush=True)


def _profile(model: Model) -> Profile | None:
    if model.profile is None:
        return None
    try:
        return Profile.from_json(model.profile)
    except ValueError as error:
        raise ModelInvalid(f"profile.json cannot be read: {error}") from error
