"""The metrics of consumers, read from their database and Kafka for each scrape. A consumer with ``--http``
shows its own; other processes register ``InboxCollector``:

    from prometheus_client import REGISTRY
    from inbox.metrics import InboxCollector

    REGISTRY.register(InboxCollector())
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.utils import timezone

from inbox.conf import ConsumerSettings, Settings, settings
from inbox.database import UNAVAILABLE
from inbox.status.consumers import ConsumerStatus, status
from inbox.status.lag import Lag, LagQuestion
from inbox.status.latest_lag import asking_for
from outbox_core.database import own_connection
from outbox_core.metrics.background import Background
from outbox_core.metrics.declared import Metric, Sample, gauge

UP = gauge("inbox_up", "1 if the database of the inbox could be read for this scrape.", "consumer")
LAG_UP = gauge("inbox_lag_up", "1 if Kafka and the database could be asked for the lag.", "consumer")
LAG = gauge("inbox_lag_events", "Records in Kafka that the consumer has yet to handle.", "consumer")
LAG_SECONDS = gauge("inbox_lag_seconds", "Age of the oldest of them; 0 if there is none.", "consumer")
ALIVE = gauge("inbox_consumers_alive", "Processes of the consumer with a recent heartbeat.", "consumer")
STRANGERS = gauge(
    "inbox_group_strangers",
    "Members of the consumer's group that write no heartbeat into its database.",
    "consumer",
)
HELD = gauge("inbox_held_events", "Events that are held.", "consumer")
UNDECIDED = gauge(
    "inbox_held_undecided_events",
    "Those that stay held until somebody releases or discards them.",
    "consumer",
)
RETRYING = gauge("inbox_held_retrying_events", "Those that failed and are tried again.", "consumer")
OLDEST_HELD = gauge(
    "inbox_oldest_held_age_seconds", "Age of the oldest hold; 0 if there is none.", "consumer"
)
UNHANDLED = gauge(
    "inbox_unhandled_events", "Events that were skipped because no handler takes them.", "consumer"
)
METRICS: tuple[Metric, ...] = (
    *(UP, LAG_UP, LAG, LAG_SECONDS, ALIVE, STRANGERS),
    *(HELD, UNDECIDED, RETRYING, OLDEST_HELD, UNHANDLED),
)
LAG_FRESH_SECONDS = 10.0
"""The lag needs a connection to Kafka for each question."""


class InboxCollector:
    """A collector for a registry of prometheus_client: the consumers of these names, by default all of INBOX.

    Each scrape reads the figures on connections of its own, within seconds. Without the database, or without
    Kafka, the rest remains. Needs the extra ``metrics``.
    """

    def __init__(self, *consumers: str) -> None:
        from outbox_core.metrics.prometheus import Collector

        inbox = settings()
        chosen = [inbox.consumer(name) for name in consumers or inbox.consumers]
        collector = Collector(Figures(inbox, chosen).samples, METRICS)
        self.collect, self.describe = collector.collect, collector.describe


class Figures:
    """What is known of some consumers. A slow Kafka does not hide what the database says."""

    def __init__(self, inbox: Settings, consumers: Sequence[ConsumerSettings]) -> None:
        self._database = inbox.database
        self._consumers = consumers
        self._question = LagQuestion(inbox)
        self._statuses = Background(self._read_statuses)
        # Each has a thread of its own: one after the other, many consumers would never be read in time.
        self._lags = {
            each.name: Background(
                asking_for(self._question, each, self._database),
                fresh=LAG_FRESH_SECONDS,
            )
            for each in consumers
        }

    def samples(self) -> Iterator[Sample]:
        """The samples of now. Database and Kafka are asked at the same time."""
        for lag in self._lags.values():
            lag.begin()
        statuses = self._statuses.get() or {}
        for consumer in self._consumers:
            name = consumer.name
            yield Sample(UP, name in statuses, (name,))
            if name in statuses:
                yield from of_status(statuses[name])
            yield from of_lag(name, self._lags[name].get() or Lag())

    def _read_statuses(self) -> Mapping[str, ConsumerStatus]:
        with own_connection(self._database), suppress(*UNAVAILABLE):
            return {each.name: status(each, self._database, Lag()) for each in self._consumers}
        return {}


def of_status(consumer: ConsumerStatus) -> Iterator[Sample]:
    """What the database says of a consumer."""
    where = (consumer.consumer,)
    yield Sample(ALIVE, consumer.instances, where)
    yield Sample(HELD, consumer.held, where)
    yield Sample(UNDECIDED, consumer.undecided, where)
    yield Sample(RETRYING, consumer.retrying, where)
    yield Sample(OLDEST_HELD, _age(consumer.oldest_held_at), where)
    yield Sample(UNHANDLED, sum(consumer.unhandled.values()), where)


def of_lag(name: str, lag: Lag) -> Iterator[Sample]:
    """How far a consumer is behind, as far as that is known."""
    yield Sample(LAG_UP, lag.records is not None and not lag.reason, (name,))
    if lag.records is not None:
        yield Sample(LAG, lag.records, (name,))
        yield Sample(STRANGERS, lag.strangers, (name,))
    if lag.records == 0 or lag.oldest_at is not None:
        yield Sample(LAG_SECONDS, _age(lag.oldest_at), (name,))


def _age(since: Any) -> float:
    return 0.0 if since is None else max(0.0, (timezone.now() - since).total_seconds())
