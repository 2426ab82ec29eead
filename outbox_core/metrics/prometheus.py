"""The only module that imports prometheus_client, the extra ``metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from outbox_core.errors import ExtraMissing
from outbox_core.metrics.declared import Kind, Metric, Sample

try:
    import prometheus_client
    from prometheus_client import core
except ModuleNotFoundError as error:
    raise ExtraMissing(
        "Metrics need prometheus_client, the extra 'metrics': pip install 'django-outbox-relay[metrics]'"
    ) from error

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_KINDS: dict[Kind, Any] = {
    Kind.COUNTER: prometheus_client.Counter,
    Kind.HISTOGRAM: prometheus_client.Histogram,
}
_FAMILIES: dict[Kind, Any] = {
    Kind.COUNTER: core.CounterMetricFamily,
    Kind.GAUGE: core.GaugeMetricFamily,
}
Read = Callable[[], Iterable[Sample]]


class Metrics:
    """The metrics of one process, with its CPU time, memory and file descriptors. Safe in any thread."""

    def __init__(self) -> None:
        prometheus_client.disable_created_metrics()  # a second series for each counter, which nobody reads
        self._registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self._registry)
        self._made: dict[Metric, Any] = {}
        self._children: dict[tuple[Metric, tuple[str, ...]], Any] = {}

    def declare(self, metrics: Iterable[Metric]) -> None:
        """Show these counters and histograms from now on; those without labels begin at 0."""
        for metric in metrics:
            extra = {"buckets": metric.buckets} if metric.buckets else {}
            self._made[metric] = _KINDS[metric.kind](
                metric.name, metric.help, metric.labels, registry=self._registry, **extra
            )

    def read(self, read: Read, metrics: Iterable[Metric]) -> None:
        """Show also what ``read`` returns, samples of these metrics. It is called for each scrape, in a
        thread, and must not raise.
        """
        self._registry.register(Collector(read, metrics))

    def add(self, metric: Metric, value: float, *labels: str) -> None:
        """Add to a counter."""
        self._of(metric, labels).inc(value)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Put a value into a histogram."""
        self._of(metric, labels).observe(value)

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        text: bytes = prometheus_client.generate_latest(self._registry)
        return text

    def _of(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        """The child of a metric. It is kept, because finding it takes longer than counting."""
        child = self._children.get((metric, labels))
        if child is None:
            made = self._made[metric]
            child = self._children[metric, labels] = made.labels(*labels) if labels else made
        return child


class Collector:
    """A collector for a registry of prometheus_client: each scrape reads the samples again."""

    def __init__(self, read: Read, metrics: Iterable[Metric]) -> None:
        self._read = read
        self._metrics = tuple(metrics)

    def collect(self) -> Iterator[Any]:
        """The families of metrics that a registry asks for."""
        yield from families(self._read())

    def describe(self) -> Iterator[Any]:
        """The families without samples: a registry asks for their names and must not read anything yet."""
        return (_family(metric) for metric in self._metrics)


def families(samples: Iterable[Sample]) -> Iterator[Any]:
    """Samples as metric families of prometheus_client."""
    made: dict[Metric, Any] = {}
    for metric, value, labels in samples:
        if metric not in made:
            made[metric] = _family(metric)
        made[metric].add_metric(labels, value)
    yield from made.values()


def _family(metric: Metric) -> Any:
    return _FAMILIES[metric.kind](metric.name, metric.help, labels=metric.labels)
