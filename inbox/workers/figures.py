"""The metrics of workers: they are counted here, and shown by the consumer."""

from __future__ import annotations

from inbox.process_metrics import COUNTED, Counter
from inbox.workers.channel import Figure
from outbox_core.metrics.declared import Kind, Metric

BY_NAME = {metric.name: metric for metric in COUNTED}


class Recorder:
    """Keeps what is counted, until it is taken."""

    def __init__(self) -> None:
        self._figures: list[Figure] = []

    def add(self, metric: Metric, value: float, *labels: str) -> None:
        """Add to a counter."""
        self._figures.append((metric.name, value, labels))

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Put a value into a histogram."""
        self._figures.append((metric.name, value, labels))

    def take(self) -> list[Figure]:
        """What was counted since the last call."""
        figures, self._figures = self._figures, []
        return figures


def show(figure: Figure, metrics: Counter) -> None:
    """Count what a worker has counted."""
    name, value, labels = figure
    metric = BY_NAME[name]
    count = metrics.add if metric.kind is Kind.COUNTER else metrics.observe
    count(metric, value, *labels)
