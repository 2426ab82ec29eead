"""The page of metrics, from their declarations."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from docsite.reference import markdown, sources
from outbox_core.metrics.declared import PROGRESS_AGE, Kind, Metric

HEAD = """# Metrics

`run_relay` and `run_consumer` serve them at `/metrics` with
[`--http`](../how-to/health-check.md#by-http); other processes register a collector ([Alerts and
dashboards](../how-to/monitoring.md)). Names and units follow the conventions of Prometheus. No label
holds a key, an id or anything else of an event. A counter begins at 0 when its process does.
"""
PROCESS = """Of a relay and of a consumer, beside `process_…` (CPU time, memory, file descriptors)."""
RELAY = """What one `run_relay` does. Add them up over all relays."""
OUTBOX = """Read from the database for each scrape, at most once in 5 seconds. Every relay says the same:
take the maximum, not the sum. Without the database only `outbox_up` is there, and 0."""
CONSUMERS_PROCESS = """What one `run_consumer` does. Add them up over all processes."""
CONSUMER = """Read from its database and from Kafka for each scrape. Every process of a consumer says the
same: take the maximum. Without the database `inbox_up` is 0, without Kafka `inbox_lag_up`, and what needs
them is missing."""
SECTIONS = {
    "outbox_core.metrics.declared": ("Every process", PROCESS),
    "relay.metrics": ("A relay", RELAY),
    "outbox.metrics": ("An outbox", OUTBOX),
    "inbox.process_metrics": ("A consumer's process", CONSUMERS_PROCESS),
    "inbox.metrics": ("A consumer", CONSUMER),
}
COLUMNS = ("Metric", "Type", "Labels", "Meaning")


def page() -> str:
    return "\n".join([HEAD, *(_section(module) for module in SECTIONS)])


def declared() -> list[Metric]:
    """Every metric, once."""
    return [metric for module in SECTIONS for metric in _of(module)]


def series() -> set[str]:
    """The names of all time series. A histogram has three."""
    return {name for metric in declared() for name in _series(metric)}


def modules() -> set[str]:
    """The modules that declare metrics, as their code says."""
    makers = {kind.value for kind in Kind}
    return {
        name
        for name, tree in sources.trees().items()
        if any(getattr(call.func, "id", "") in makers for call in sources.calls(tree))
    }


def _series(metric: Metric) -> Iterator[str]:
    if metric.kind is Kind.HISTOGRAM:
        yield from (f"{metric.name}_{suffix}" for suffix in ("bucket", "sum", "count"))
    else:
        yield metric.name


def _of(module: str) -> tuple[Metric, ...]:
    return getattr(import_module(module), "METRICS", (PROGRESS_AGE,))


def _section(module: str) -> str:
    title, said = SECTIONS[module]
    rows = [
        (
            markdown.code(metric.name),
            metric.kind.value,
            ", ".join(map(markdown.code, metric.labels)),
            markdown.escaped(metric.help),
        )
        for metric in _of(module)
    ]
    return f"## {title}\n\n{said}\n\n{markdown.table(COLUMNS, rows)}"
