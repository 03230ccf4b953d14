"""prometheus: the one number that a query gives now."""

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from perennial.api.deployment import AnalysisMetric, OutsideLimit, PrometheusLimit
from perennial.plan.core.outside import Measurement, OutsideQuestion
from perennial.plan.rollout.analysis.sources.source import Names

TIMEOUT = "4s"
"""How long Prometheus may think: less than is waited for it, so that it says that it was too long.
"""
SHOWN = 200
"""Characters of its own words that are told."""


class _Data(msgspec.Struct):
    resultType: str = ""
    result: Any = None


class _Answer(msgspec.Struct):
    status: str = ""
    data: _Data = msgspec.field(default_factory=_Data)
    errorType: str = ""
    error: str = ""


@dataclass(frozen=True)
class PrometheusQuestion:
    """What a query gives, by Prometheus' HTTP API."""

    id: str
    url: str

    def read(self, status: int, body: bytes) -> Measurement:
        """Return the number that the query gives."""
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            what = f"with status {status} and what is" if status != 200 else "what is"
            return Measurement(None, f"it answered {what} no answer of Prometheus")
        if answer.status == "error":
            return Measurement(None, _refusal(answer))
        if status != 200 or answer.status != "success":
            return Measurement(None, f"it answered with status {status}")
        return _number(answer.data)


def _refusal(answer: _Answer) -> str:
    said = " ".join(answer.error.split())[:SHOWN]
    if answer.errorType == "bad_data":
        return f"the query is no valid PromQL: {said}"
    if answer.errorType == "timeout":
        return f"the query takes longer than {TIMEOUT}: {said}"
    return f"the query failed: {said}"


def _number(data: _Data) -> Measurement:
    """Return the number of a scalar, or of a vector of one."""
    try:
        if data.resultType == "scalar":
            return _finite(data.result[1])
        if data.resultType == "vector":
            if not data.result:
                return Measurement(
                    None, "the query gives no series: look at its labels, and whether they are told"
                )
            if len(data.result) > 1:
                return Measurement(
                    None,
                    f"the query gives {len(data.result)} series, and one is wanted: put sum(…), or "
                    "another aggregation, around it",
                )
            return _finite(data.result[0]["value"][1])
    except (LookupError, TypeError, ValueError, OverflowError):
        return Measurement(None, "it answered what is no answer of Prometheus")
    kind = {"matrix": "a range", "string": "a text"}.get(data.resultType, "no number")
    return Measurement(None, f"the query gives {kind}, and one number is wanted")


def _finite(written: str) -> Measurement:
    value = float(written)
    if math.isnan(value):
        return Measurement(None, "the query gives NaN: most often a division of 0 by 0")
    if math.isinf(value):
        return Measurement(None, f"the query gives {written}: most often a division by 0")
    return Measurement(value)


class Prometheus:
    """Asks a Prometheus, or what speaks its HTTP API."""

    def limit_of(self, asked: AnalysisMetric) -> PrometheusLimit | None:
        """Return what is asked of Prometheus."""
        return asked.prometheus

    def question(self, id: str, asked: OutsideLimit, names: Names) -> OutsideQuestion:
        """Return what is to be asked."""
        assert isinstance(asked, PrometheusLimit)
        wanted = urlencode({"query": names.into(asked.query), "timeout": TIMEOUT})
        address = names.into(asked.address).rstrip("/")
        return PrometheusQuestion(id, f"{address}/api/v1/query?{wanted}")


PROMETHEUS = Prometheus()
