"""Where each partition begins and ends, and whether records that were read are gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from relay.audit.findings import Difference, Findings, Wrong
from relay.audit.kafka import CLOCKS, KafkaLog, Spans


@dataclass(frozen=True, slots=True)
class Place:
    """Of a partition: the next offset to read, the first one that must still be there (None: not known), and
    whether its end was smaller than ``next`` when last looked at.
    """

    next: int
    must: int | None = None
    cut: bool = False


class Offsets:
    """The places of all partitions. Reading begins with the records of ``begin``. ``clock`` is monotonic."""

    def __init__(
        self,
        kafka: KafkaLog,
        begin: datetime,
        findings: Findings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kafka = kafka
        self._begin = begin
        self._findings = findings
        self._clock = clock
        self._places: dict[str, dict[int, Place]] = {}
        self._looked: dict[str, float] = {}

    def new(self, topic: str) -> Spans:
        """What is to be read of a topic. Adds to the findings what is gone of the part that was read."""
        if not self._kafka.exists(topic):
            if self._places.pop(topic, None):
                self._add(topic, "", "the topic was deleted")
            return {}
        places = self._places.setdefault(topic, {})
        bounds = self._kafka.bounds(topic)
        if bounds.keys() - places.keys():
            began = self._kafka.spans(topic, self._begin)
            places |= {number: Place(began[number][0]) for number in began.keys() - places.keys()}
        if self._clock() - self._looked.get(topic, 0.0) < CLOCKS.total_seconds() / 2:
            self._look(topic, bounds)
        must = self._kafka.must_keep(topic, bounds)
        for number in bounds.keys() & places.keys():
            places[number] = replace(places[number], must=must.get(number))
        self._looked[topic] = self._clock()
        return {
            n: (min(max(first, places[n].next), end), end)
            for n, (first, end) in bounds.items()
            if n in places
        }

    def read(self, topic: str, spans: Spans) -> None:
        """Note that these records were read."""
        places = self._places[topic]
        for number, (_, end) in spans.items():
            places[number] = replace(places[number], next=max(places[number].next, end))

    def _look(self, topic: str, bounds: Spans) -> None:
        places = self._places[topic]
        for number, (first, end) in bounds.items():
            place = places[number]
            if place.must is not None and first > place.must:
                gone = f"partition {number} offsets {place.must} to {first - 1}"
                self._add(topic, gone, "deleted from Kafka earlier than retention.ms says")
            if end < place.next and place.cut:
                gone = f"partition {number} offsets {end} to {place.next - 1}"
                self._add(topic, gone, "the end of the partition is gone")
                places[number] = Place(first)
            else:
                places[number] = replace(place, cut=end < place.next)

    def _add(self, topic: str, where: str, detail: str) -> None:
        self._findings.add(
            Difference(wrong=Wrong.MISSING, event_id="", topic=topic, key="", where=where, detail=detail)
        )
