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
from outbox_core.kafka_options import BY_NAME, CONFLUENT, CONSUMER, KAFKA_PYTHON, SERVERS
from outbox_core.process.arguments import MOST_PROCESSES
from outbox_core.process.settings import A_DAY, FROM_NAME, Seconds, forget_on_change, read
from outbox_core.suggestion import did_you_mean

ADDRESSES = BY_NAME[SERVERS]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Names = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1)], ...], msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """One entry of ``INBOX["CONSUMERS"]``; its key is the name of the consumer."""

    topics: Names
    """The topics that it reads, without ``topic_prefix``."""
    group: str = ""
    """Its Kafka consumer group. Empty: the name of the consumer. A group belongs to one database."""
    handlers: tuple[str, ...] = ()
    """The modules whose handlers it runs. Empty: all."""
    batch_size: Positive = 500
    """The most events in one transaction. It has 8 at first, then as many as their handlers did in about two
    seconds.
    """
    workers: Annotated[int, msgspec.Meta(ge=1, le=MOST_PROCESSES)] = 1
    """How many processes handle its events, each key in order. More than one is for handlers that wait for
    other services: see "Use all cores of a machine". At most 256, also multiplied by ``--processes``.
    """
    ignore: tuple[str, ...] = ()
    """Event types, or patterns such as ``shop.*``, that it skips without a warning."""
    name: str = field(default="", metadata=FROM_NAME)
    """The name of the consumer."""

    def ignores(self, type_: str) -> bool:
        """Whether events of this type are skipped without a warning."""
        return any(fnmatchcase(type_, pattern) for pattern in self.ignore)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The key ``CONSUMERS`` is required; all others have a default."""

    consumers: Mapping[str, ConsumerSettings]
    """The consumers of this project, by name."""
    kafka: kafka.KafkaSettings = field(default_factory=kafka.KafkaSettings)
    """Overrides Django's ``KAFKA`` for the inbox."""
    topic_prefix: str = ""
    """Text before the name of every topic and group."""
    database: str = "default"
    """The alias of the inbox's database. Effects of handlers must be in the same database, and its
    transactions must be READ COMMITTED, PostgreSQL's default.
    """
    attempts: Positive = 3
    """How many failures that count against an event it may have before it is held until a person decides."""
    retention_days: Positive = 30
    """How long ``inbox_prune`` keeps the notes of handled events. Keep them longer than Kafka keeps the
    topics.
    """
    ledger_days: Positive = 365
    """How long ``inbox_prune`` keeps entries of the ledger."""
    heartbeat_seconds: Seconds = 5.0
    """The pause between two heartbeats of a consumer process."""
    shutdown_seconds: Seconds = 30.0
    """How long a consumer may take to finish its work after SIGTERM. Then it ends at once, with
    exit code 3.
    """
    handler_seconds: Annotated[float, msgspec.Meta(ge=0, le=A_DAY)] = 300.0
    """How long a handler may take for one event before it is interrupted. 0: no limit."""
    other_databases: tuple[str, ...] = ()
    """Databases that handlers may write to, although these writes are not rolled back with the event."""
    transaction_idle_seconds: Annotated[float, msgspec.Meta(ge=0, le=A_DAY)] = 30.0
    """How long a handler may take between two statements. Then PostgreSQL ends the transaction.
    0: no limit.
    """
    redact: tuple[str, ...] = ()
    """More names whose values the admin hides."""

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

    @property
    def kafka_backend(self) -> str:
        """The client that reads: ``confluent``, or kafka-python."""
        return CONFLUENT if kafka.backend(self.kafka) == CONFLUENT else KAFKA_PYTHON

    def kafka_options(self, client: str = "") -> dict[str, Any]:
        """The options of the client, or of another one, for a consumer.

        Raises:
            ImproperlyConfigured: an option has no counterpart there, or an address is missing or malformed.
        """
        return kafka.options("INBOX", self.kafka, client=client or self.kafka_backend, side=CONSUMER)

    def kafka_client(self, client: str = "") -> tuple[str, list[str], dict[str, Any]]:
        """The client, the addresses of Kafka, and the other options. Raises as ``kafka_options`` does."""
        client = client or self.kafka_backend
        options = self.kafka_options(client)
        servers = next(options.pop(name) for name in ADDRESSES.names(client) if name in options)
        return client, ADDRESSES.kind.plain(servers), options


@cache
def settings() -> Settings:
    """The inbox's settings; raises ImproperlyConfigured for a missing, unknown or mistyped key."""
    return read(Settings, "INBOX")


forget_on_change(settings, "INBOX")
