"""The settings of the inbox, ``INBOX`` in Django's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated, Any

import msgspec

from inbox.errors import UnknownConsumer
from outbox_core import kafka
from outbox_core.kafka_options import CONSUMER, KAFKA_PYTHON
from outbox_core.process.settings import FROM_NAME, forget_on_change, read
from outbox_core.suggestion import did_you_mean

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Names = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1)], ...], msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """One entry of ``INBOX["CONSUMERS"]``.

    ``group``: the consumer's name unless set. ``handlers``: the modules whose handlers it runs; none means
    all. ``batch_size``: events in one transaction. ``ignore``: types, or patterns such as ``shop.*``, that it
    skips on purpose.
    """

    topics: Names
    group: str = ""
    handlers: tuple[str, ...] = ()
    batch_size: Positive = 500
    ignore: tuple[str, ...] = ()
    name: str = field(default="", metadata=FROM_NAME)

    def ignores(self, type_: str) -> bool:
        """Whether events of this type are skipped without a word."""
        return any(fnmatchcase(type_, pattern) for pattern in self.ignore)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``settings.INBOX``. ``kafka`` overrides Django's ``KAFKA``; whatever backend they name, the inbox reads
    through kafka-python.

    ``attempts``: how many failures that count against an event there are before somebody has to decide about
    it. ``handler_seconds``: how long a handler may take for one event before it is interrupted (0: no limit).
    ``transaction_idle_seconds``: how long it may take between two statements; the server ends the transaction
    then (0: no limit). ``other_databases``: those that handlers may write to although these writes are not
    rolled back with the event. ``redact`` adds names whose values the admin hides.
    """

    consumers: Mapping[str, ConsumerSettings]
    kafka: kafka.KafkaSettings = field(default_factory=kafka.KafkaSettings)
    topic_prefix: str = ""
    database: str = "default"
    attempts: Positive = 3
    retention_days: Positive = 30
    heartbeat_seconds: Seconds = 5.0
    shutdown_seconds: Seconds = 30.0
    handler_seconds: Annotated[float, msgspec.Meta(ge=0)] = 300.0
    other_databases: tuple[str, ...] = ()
    transaction_idle_seconds: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    redact: tuple[str, ...] = ()

    def consumer(self, name: str) -> ConsumerSettings:
        """The consumer of that name; topics and group as Kafka knows them, with the prefix.

        Raises:
            UnknownConsumer: it does not exist; the message says which do.
        """
        if name not in self.consumers:
            known = ", ".join(sorted(self.consumers)) or "none"
            hint = did_you_mean(name, self.consumers)
            raise UnknownConsumer(f"INBOX has no consumer {name!r}; it has: {known}. {hint}".strip())
        consumer, prefix = self.consumers[name], self.topic_prefix
        topics = tuple(prefix + topic for topic in consumer.topics)
        return replace(consumer, topics=topics, group=prefix + (consumer.group or name))

    def kafka_options(self) -> dict[str, Any]:
        """The options of the Kafka client, kafka-python's consumer.

        Raises:
            ImproperlyConfigured: an option has no counterpart there, or an address is missing or malformed.
        """
        return kafka.options("INBOX", self.kafka, client=KAFKA_PYTHON, side=CONSUMER)

    def kafka_client(self) -> tuple[list[str], dict[str, Any]]:
        """The addresses of Kafka and the other options of its client. Raises as ``kafka_options`` does."""
        options = self.kafka_options()
        servers = options.pop("bootstrap_servers")
        return servers.split(",") if isinstance(servers, str) else list(servers), options


@cache
def settings() -> Settings:
    """The inbox's settings; raises ImproperlyConfigured for a missing, unknown or mistyped key."""
    return read(Settings, "INBOX")


forget_on_change(settings, "INBOX")
