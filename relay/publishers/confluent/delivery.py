"""One wave on its way through librdkafka."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from outbox.cloudevents import Record

PURGE_SECONDS = 2.0
POLL_SECONDS = 0.1


class Delivery:
    """Hands over records, and collects the report on each.

    ``reports`` has one entry for each record that the producer has taken: True while it is under way, then
    its error, or None when all in-sync replicas have it. ``refused`` is why the next one was not taken.
    """

    def __init__(self, producer: Producer, records: Sequence[Record]) -> None:
        self.reports: list[Any] = [True] * len(records)
        self.refused: Exception | None = None
        self._producer = producer
        self._send(records)

    def _send(self, records: Sequence[Record]) -> None:
        produce, report, index = self._producer.produce, self._report, 0
        try:
            for index, (topic, key, value, headers) in enumerate(records):
                produce(topic, value, key, headers=headers, on_delivery=partial(report, index))
        except (BufferError, KafkaException) as error:
            del self.reports[index:]
            self.refused = error

    def _report(self, index: int, error: KafkaError | None, _message: object) -> None:
        self.reports[index] = error

    def wait(self, seconds: float) -> bool:
        """Until every report is in.

        False when that takes too long, or the producer has come to its end: nothing is buffered then, but
        what the broker has of it is not known.
        """
        try:
            if self._producer.flush(seconds) == 0:
                return True
        except KafkaException as error:
            if not error.args[0].fatal():
                raise
        self._producer.purge()
        deadline = time.monotonic() + PURGE_SECONDS
        while len(self._producer) and time.monotonic() < deadline:
            self._producer.poll(POLL_SECONDS)
        return False
