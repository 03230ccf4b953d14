"""What one process tells of itself on the metrics port."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import parse_qs

import msgspec

from perennial_artifact.window import Window
from perennial_serving.execution.admission import Admission
from perennial_serving.execution.dataplane import DataPlane
from perennial_serving.process.observability import JSON, Answer, exposition, not_found
from perennial_serving.system.errors import refusal

MAXIMUM_WINDOW_SECONDS = 86_400


class Pulse:
    """Tells whether the event loop that answers requests gets round."""

    # A loop that is late for so long answers nobody just now; for so long, nobody any more.
    READY_SECONDS, LIVE_SECONDS = 10.0, 60.0
    _PERIOD = 0.5

    def __init__(self, loop: asyncio.AbstractEventLoop, admission: Admission) -> None:
        """Begin to beat on a loop, from its own thread."""
        self.loop, self._admission = loop, admission
        self.listening = False
        """Whether the data ports take connections."""
        self._last = time.monotonic()
        self._beat()

    def _beat(self) -> None:
        self._last = time.monotonic()
        self.loop.call_later(self._PERIOD, self._beat)

    @property
    def is_live(self) -> bool:
        """Whether requests are answered, be it late; any thread may ask."""
        return time.monotonic() - self._last < self.LIVE_SECONDS

    @property
    def is_ready(self) -> bool:
        """Whether requests are welcome."""
        late = time.monotonic() - self._last
        draining = self._admission.draining
        return self.listening and late < self.READY_SECONDS and not draining


class Own:
    """Answers /metrics, /drift?seconds=N, /profile and health for one process."""

    def __init__(self, plane: DataPlane, pulse: Pulse) -> None:
        self._plane, self._pulse = plane, pulse

    async def __call__(self, path: str, query: bytes, accept: str) -> Answer:
        """Return the answer to a path."""
        match path:
            case "/metrics":
                return exposition(self._plane.metrics.registry, accept)
            case "/healthz" | "/v2/health/live":
                return _health("live", self._pulse.is_live)
            case "/v2/health/ready":
                return _health("ready", self._pulse.is_ready)
            case "/profile" if self._plane.model.profile is not None:
                return 200, JSON, self._plane.model.profile
            case "/drift":
                return await self._drift(query)
        return not_found()

    async def _drift(self, query: bytes) -> Answer:
        try:
            seconds = float(parse_qs(query.decode()).get("seconds", ["3600"])[0])
        except ValueError:  # UnicodeDecodeError too
            seconds = -1.0
        if not 0 < seconds <= MAXIMUM_WINDOW_SECONDS:
            reason = f"seconds must be a number up to {MAXIMUM_WINDOW_SECONDS}"
            return 400, JSON, refusal(reason)

        async def window() -> Window | None:
            return self._plane.window(seconds)

        # The counts belong to the other loop.
        counting = asyncio.run_coroutine_threadsafe(window(), self._pulse.loop)
        found = await asyncio.wrap_future(counting)
        return not_found() if found is None else (200, JSON, found.to_json())


def _health(word: str, holds: bool) -> Answer:
    return (200 if holds else 503), JSON, msgspec.json.encode({word: holds})
