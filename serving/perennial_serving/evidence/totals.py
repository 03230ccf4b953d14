"""What many workers counted, added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from perennial_artifact.windows import Window, merge

# Of these gauges the largest is true for all; the others add up.
_LARGEST = (
    "_info",
    "_model_load_duration_seconds",
    "_start_time_seconds",
    "_max_fds",
    "_log_spool_bytes",  # of one directory
)


class _Sum(Collector):
    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        values: dict[tuple[str, str, tuple[tuple[str, str], ...]], float] = {}
        exemplars = {}
        for text in self._texts:
            for family in text_string_to_metric_families(text.decode()):  # type: ignore[no-untyped-call]
                families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                largest = family.name.endswith(_LARGEST)
                for s in family.samples:
                    key = (family.name, s.name, tuple(sorted(s.labels.items())))
                    if s.exemplar is not None:
                        exemplars[key] = s.exemplar
                    before = values.get(key)
                    if before is None:
                        values[key] = s.value
                    else:
                        values[key] = max(before, s.value) if largest else before + s.value
        for key, value in values.items():
            family_name, name, labels = key
            families[family_name].add_sample(name, dict(labels), value, exemplar=exemplars.get(key))
        yield from families.values()


def add_metrics(texts: Sequence[bytes]) -> CollectorRegistry:
    """Return what several expositions in OpenMetrics add up to."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Sum(texts))
    return registry


def add_windows(documents: Sequence[bytes]) -> bytes:
    """Return the window of several workers, which serve the same model."""
    return merge([Window.from_json(d) for d in documents]).to_json()
