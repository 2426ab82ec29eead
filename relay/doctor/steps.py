"""All steps of outbox_doctor, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from outbox.conf import settings as outbox_settings
from outbox.operations.registered import topics
from outbox_core.kafka_endpoint import Endpoint
from outbox_core.operations.doctor.cluster import Inspector
from outbox_core.operations.doctor.kafka import ASK_SECONDS, SETTINGS, KafkaSteps
from outbox_core.operations.doctor.postgresql import system_checks
from outbox_core.operations.doctor.step import Note, Step, failed
from outbox_core.operations.doctor.topics import Needs
from outbox_core.operations.doctor.walk import CLOSE_SECONDS, briefly
from relay.conf import settings
from relay.doctor.log import LogSteps
from relay.doctor.needs import needs
from relay.doctor.round_trip import round_trip, seconds
from relay.errors import PublisherUnavailable
from relay.publishers.base import Publisher


class RelaySteps:
    """The steps of a relay of database ``alias``. ``topic`` is for a round trip, if one is wanted."""

    def __init__(self, alias: str, topic: str | None, *, even_events: bool) -> None:
        self._log = LogSteps(alias)
        self._topic = topic
        self._even_events = even_events
        self._kafka = KafkaSteps(lambda: settings().kafka_options, self._inspector, self._needs())

    def all(self) -> Iterator[Step]:
        """From the settings to the topics."""
        yield Step(name=SETTINGS, look=self._settings)
        yield Step(name="checks", look=partial(system_checks, ("outbox", "relay")))
        yield from self._log.all()
        if self._speaks_kafka:
            yield from self._kafka.all()
        else:
            yield Step(name="publisher", look=self._of_its_own, needs=(SETTINGS,))
        if self._topic is not None:
            needs = (SETTINGS, "login", "publisher")
            yield Step(
                name="round-trip", look=self._round_trip, needs=needs, seconds=self._round_trip_seconds
            )

    def close(self) -> None:
        """Give up the connections."""
        self._log.close()
        self._kafka.close()

    @cached_property
    def _publisher(self) -> Publisher:
        return settings().make_publisher()

    @property
    def _round_trip_seconds(self) -> float:
        try:
            return seconds()
        except ImproperlyConfigured:
            return 0.0  # it is not tried

    def _settings(self) -> Iterator[Note]:
        try:
            outbox_settings()
            publisher = self._publisher
        except ImproperlyConfigured as error:
            yield failed(str(error), "Correct the settings; `manage.py check` reads them, too.")
        else:
            yield f"OUTBOX, RELAY and KAFKA are readable; {type(publisher).__name__} accepts its options"

    @property
    def _speaks_kafka(self) -> bool:
        """Whether the publisher has an inspector, as the two for Kafka have. True if the settings cannot be
        read.
        """
        try:
            return hasattr(settings().publisher, "inspector")
        except ImproperlyConfigured:
            return True

    def _of_its_own(self) -> Iterator[Note]:
        """A publisher without an inspector can only be asked to connect."""
        name = type(self._publisher).__name__
        publisher = settings().make_publisher()
        try:
            publisher.prepare(())
        except PublisherUnavailable as error:
            yield failed(f"{name}: {str(error).rstrip('.')}.", "See the documentation of this publisher.")
        else:
            yield f"{name} connects; it has no inspector, so its topics are not examined"
        finally:
            briefly(partial(publisher.close, CLOSE_SECONDS))

    def _inspector(self) -> Inspector:
        publisher: Any = self._publisher
        inspector: Inspector = publisher.inspector(ASK_SECONDS)
        return inspector

    def _needs(self) -> Mapping[str, Needs]:
        """Without readable settings the topics are not known, and their steps are left out."""
        try:
            creates = (
                Endpoint.of(settings().kafka_options).options.get("allow_auto_create_topics", True) is True
            )
            return needs(creates=creates)
        except ImproperlyConfigured:
            return {}

    def _round_trip(self) -> Iterator[Note]:
        assert self._topic is not None
        inspector = self._kafka.inspector if self._speaks_kafka else None
        events = () if self._even_events else topics()
        look = partial(round_trip, self._topic, settings().make_publisher, inspector, events=events)
        yield from self._kafka.without_secrets(look)
