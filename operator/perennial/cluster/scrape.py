"""Read serving pods: counters and drift windows, from their metrics port."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from perennial.api.base import Json
from perennial.plan.analysis.counters import PodMetrics

PORT = 9090
SECONDS = 3.0
MAXIMUM_BYTES = 8 * 1024 * 1024
AT_ONCE = 16


async def read_pods(pods: Sequence[Json], path: str) -> dict[str, bytes]:
    """Return what ready pods answer at a path, by pod name; those that fail are left out."""
    bound = asyncio.Semaphore(AT_ONCE)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    # A pod may be anybody's: it sends nobody elsewhere, and what it packed is not unpacked.
    plain = {"Accept-Encoding": "identity"}
    async with aiohttp.ClientSession(
        timeout=timeout, headers=plain, auto_decompress=False
    ) as session:

        async def read(pod: Json) -> tuple[str, bytes | None]:
            name, address = pod["metadata"]["name"], pod["status"]["podIP"]
            try:
                async with bound, session.get(url(address, path), allow_redirects=False) as answer:
                    return name, await _whole(answer)
            except (aiohttp.ClientError, TimeoutError):
                return name, None

        answers = await asyncio.gather(*(read(p) for p in pods if is_ready(p)))
    return {name: body for name, body in answers if body is not None}


def url(address: str, path: str) -> str:
    """Return the URL of a path on a pod's metrics port."""
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{PORT}{path}"


async def _whole(answer: aiohttp.ClientResponse) -> bytes | None:
    """Return a body to its end, None where it is too large or says that something went wrong."""
    if answer.status != 200 or "Content-Encoding" in answer.headers:
        return None
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAXIMUM_BYTES:
            return None
    return bytes(body)


def is_ready(pod: Json) -> bool:
    """Tell whether a pod is ready, has an address and is not about to go."""
    status = pod.get("status", {})
    conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
    gone = pod["metadata"].get("deletionTimestamp")
    return bool(status.get("podIP")) and conditions.get("Ready") == "True" and not gone


def parse(pod: str, revision: str, text: bytes) -> PodMetrics:
    """Return a pod's counters from its exposition text.

    Raises:
        ValueError: the text is no exposition.
    """
    requests = errors = refusals = start = 0.0
    buckets: dict[float, float] = {}
    for family in text_string_to_metric_families(text.decode("utf-8", "replace")):
        for sample in family.samples:
            if sample.name == "perennial_serving_requests_total":
                requests += sample.value
                code = sample.labels.get("code", "")
                errors += sample.value if code.startswith("5") else 0.0
                refusals += sample.value if code.startswith("4") else 0.0
            elif sample.name == "process_start_time_seconds":
                start = sample.value
            elif sample.name == "perennial_serving_request_duration_seconds_bucket":
                bound = float(sample.labels.get("le", ""))
                buckets[bound] = buckets.get(bound, 0.0) + sample.value
    return PodMetrics(pod, revision, requests, errors, buckets, refusals, start)
