"""One wave on its way through kafka-python."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import errors as kafka_errors

from outbox_core.wire.encode import Record
from relay.publishers.base import FLUSH_SLICE_SECONDS, Failure, Outcome, Refusals, no_acknowledgement
from relay.publishers.kafka_python.errors import failure
from relay.publishers.kafka_python.producer import Producer
from relay.publishers.wave import judged_by_partition


class Delivery:
    """Hands over records with their partitions, and collects the outcome of each.

    ``gone`` has the topics that were deleted during the wave, each with its failure.
    """

    def __init__(self, producer: Producer, wave: Sequence[tuple[Record, int]]) -> None:
        self._producer = producer
        self._wave = wave
        self._futures: list[Any] = []
        self._refused: Exception | None = None
        self._waited = 0.0
        self.gone: Mapping[str, Failure] = {}
        self._send()

    def _send(self) -> None:
        send, add = self._producer.send, self._futures.append
        try:
            for record, partition in self._wave:
                future = send(record.topic, record.value, record.key, record.headers, partition)
                add(future)
                if future.is_done:
                    break
        except (kafka_errors.KafkaError, ValueError, AssertionError) as error:
            self._refused = error

    def wait(self, seconds: float, abandon_seconds: float, refusals: Refusals) -> bool:
        """Wait until each is decided: flush() also returns when the client split a batch to send it again.

        False if that takes too long, or if only topics are left that were deleted meanwhile (the client would
        wait for them). The producer is then abandoned.
        """
        since = time.monotonic()
        while topics := self._undecided():
            self._waited = time.monotonic() - since
            if self._waited >= FLUSH_SLICE_SECONDS:
                refused = refusals(topics)
                self.gone = refused if len(refused) == len(topics) else {}
            if self.gone or self._waited >= seconds:
                self._producer.abandon(abandon_seconds)
                return False
            self._producer.flush(min(seconds - self._waited, FLUSH_SLICE_SECONDS))
        return True

    def _undecided(self) -> set[str]:
        """The topics of which records are under way."""
        each = zip(self._wave, self._futures, strict=False)
        return {record.topic for (record, _), future in each if not future.is_done}

    def outcomes(self, trouble: str = "") -> list[Outcome]:
        """The outcome of each record that the producer took, or of the first one if it took none. ``trouble``
        is why the client cannot connect.
        """
        if self._refused is not None and not self._futures:
            return [failure(self._wave[0][0].topic, self._refused)]
        outcomes = [
            None if future.succeeded() else self._fate(record, future, trouble)
            for (record, _), future in zip(self._wave, self._futures, strict=False)
        ]
        return judged_by_partition(self._wave, outcomes) if any(outcomes) else outcomes

    def _fate(self, record: Record, future: Any, trouble: str) -> Failure:
        ended = not future.is_done or isinstance(future.exception, kafka_errors.IllegalStateError)
        if ended and record.topic in self.gone:
            return self.gone[record.topic]
        if ended:
            return no_acknowledgement(self._waited, trouble)
        return failure(record.topic, future.exception)
