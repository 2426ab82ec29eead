"""One wave on its way through librdkafka."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from outbox_core.wire.encode import Record
from relay.publishers.base import (
    FLUSH_SLICE_SECONDS,
    Failure,
    Outcome,
    Refusals,
    Trouble,
    no_acknowledgement,
)
from relay.publishers.confluent.errors import CLIENT_ERRORS, failure, raised

PURGE_SECONDS = 2.0
POLL_SECONDS = 0.1
_GIVEN_UP = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)


class Delivery:
    """Hands over records, and collects the errors of those that fail.

    ``reports`` has one entry for each record that the producer has taken: True while it may be under way,
    then its error, or None when all in-sync replicas have it. The client reports errors only, because each
    report costs half a microsecond: once it has nothing left, and has not ended, a record without an error
    was acknowledged.
    ``refused`` is why the next one was not taken. ``fatal`` is the error that ended the producer. ``gone``
    has the topics that were deleted during the wave, each with its failure.
    """

    def __init__(self, producer: Producer, records: Sequence[Record]) -> None:
        self.reports: list[Any] = [True] * len(records)
        self.refused: Exception | None = None
        self.fatal: BaseException | None = None
        self.gone: Mapping[str, Failure] = {}
        self._producer = producer
        self._records = records
        self._waited = 0.0
        self._has_errors = False
        self._send(records)

    @property
    def is_uncertain(self) -> bool:
        """Whether the broker may have a record whose report is missing."""
        return self.fatal is not None or any(_is_uncertain(report) for report in self.reports)

    def _send(self, records: Sequence[Record]) -> None:
        produce, report, index = self._producer.produce, self._report, 0
        try:
            for index, (topic, key, value, headers) in enumerate(records):
                produce(topic, value, key, headers=headers, on_delivery=partial(report, index))
        except (BufferError, KafkaException) as error:
            del self.reports[index:]
            self.refused = error

    def _report(self, index: int, error: KafkaError, _message: object) -> None:
        self._has_errors = True
        self.reports[index] = error

    def wait(self, seconds: float, refusals: Refusals, *, is_new: bool = False) -> bool:
        """Wait for every report.

        False if that takes too long, if only topics are left that were deleted meanwhile (the client would
        wait for them), or if the producer has ended. Then nothing is buffered. A producer that ``is_new``
        connects within these ``seconds``, so what it has sent by then has as many again.
        """
        in_time = self._wait(seconds, refusals, is_new=is_new)
        if self.fatal is None and not len(self._producer):
            self._acknowledge()
        return in_time

    def _acknowledge(self) -> None:
        """What has no report by now was acknowledged."""
        if self._has_errors:
            self.reports = [None if report is True else report for report in self.reports]
        else:
            self.reports = [None] * len(self.reports)

    def _wait(self, seconds: float, refusals: Refusals, *, is_new: bool) -> bool:
        try:
            if self._flush(seconds, refusals):
                return True
            if is_new and not self.gone:
                self._producer.purge(in_flight=False)
                self._flush(2 * seconds, refusals)
        except CLIENT_ERRORS as error:
            self._end(error)
        if len(self._producer):  # a purge without need may still reach what comes next
            self._purge()
        return False

    def _flush(self, until: float, refusals: Refusals) -> bool:
        """Send, and wait until everything is decided, or ``until`` seconds have been waited in all."""
        since = time.monotonic() - self._waited
        while self._producer.flush(min(max(0.0, until - self._waited), FLUSH_SLICE_SECONDS)):
            self._waited = time.monotonic() - since
            self.gone = self._refused(refusals)
            if self.gone or self._waited >= until:
                return False
        return True

    def _refused(self, refusals: Refusals) -> Mapping[str, Failure]:
        """The topics that were deleted, if only their records can be left."""
        each = zip(self._records, self.reports, strict=False)
        counts = Counter(record.topic for record, report in each if report is True)
        refused = refusals(counts)
        return refused if len(self._producer) <= sum(counts[topic] for topic in refused) else {}

    def _purge(self) -> None:
        """Drop what is buffered, and ignore errors of the producer."""
        deadline = time.monotonic() + PURGE_SECONDS
        try:
            self._producer.purge()
            while len(self._producer) and time.monotonic() < deadline:
                self._producer.poll(POLL_SECONDS)
        except CLIENT_ERRORS as error:
            self._end(error)

    def _end(self, error: Exception) -> None:
        """The producer has ended. If a callback raises, later reports may be missing, so a
        record without one may have failed.
        """
        self.fatal = self.fatal or raised(error)

    def outcomes(self, trouble: str = "") -> list[Outcome]:
        """The outcome of each record that the producer took, or of the first one if it took none. ``trouble``
        is why the client cannot connect.
        """
        if not self.reports and self.refused is not None:
            return [failure(self.refused)]
        if not any(self.reports):
            return self.reports
        each = zip(self._records, self.reports, strict=False)
        return [None if r is None else self._fate(record.topic, r, trouble) for record, r in each]

    def _fate(self, topic: str, report: Any, trouble: str) -> Failure:
        if report is not True and report.code() not in _GIVEN_UP:
            return failure(report)
        if topic in self.gone:
            return self.gone[topic]
        if self.fatal is not None:
            return Failure(Trouble.RETRIABLE, failure(self.fatal).detail)
        return no_acknowledgement(self._waited, trouble)


def _is_uncertain(report: Any) -> bool:
    return report is True or (report is not None and report.code() == KafkaError._PURGE_INFLIGHT)
