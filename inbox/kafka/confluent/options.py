"""librdkafka's options: those of ``KAFKA["OPTIONS"]``, and those that the inbox decides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from django.core.exceptions import ImproperlyConfigured

from inbox.kafka.connections import SET_HERE
from inbox.kafka.patience import Fetch
from outbox_core.kafka_options import BY_NAME, CONSUMER
from outbox_core.librdkafka import LOGGER, contained, of, without_login
from outbox_core.suggestion import did_you_mean

SERVERS = "bootstrap.servers"
STRATEGY = "partition.assignment.strategy"
NEW_PROTOCOL = "consumer"
_DECIDED = {
    "enable.auto.commit": False,  # offsets follow the database, never the clock
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
}
RESERVED = {
    *_DECIDED,
    SERVERS,
    STRATEGY,
    "group.id",
    "group.instance.id",  # a dead process must not keep its partitions
    "enable.partition.eof",
    "on_commit",
    "error_cb",
    "metadata.broker.list",
}
_DEFAULTS = {
    "auto.offset.reset": "earliest",
    "reconnect.backoff.max.ms": 1_000,
    "check.crcs": True,
    "queued.min.messages": 5_000,
    "queued.max.messages.kbytes": 16_384,
    "fetch.queue.backoff.ms": 10,
}
_CLASSIC = {"session.timeout.ms": 10_000, "heartbeat.interval.ms": 3_000}
_REQUEST, _REQUEST_MS = "request.timeout.ms", 10_000
_PARTITION_BYTES = 1_048_576
_LONGEST_MS = 300_000
_METADATA_MS = 5_000  # how soon a deleted or recreated topic is noticed
_UNKNOWN = re.compile(r'No such configuration property: "(.*)"')
_AGE, _REFRESH = "metadata.max.age.ms", "topic.metadata.refresh.interval.ms"


def config(servers: Sequence[str], group: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a client that reads."""
    times = {
        _REFRESH: options.get(_AGE, _METADATA_MS),
        "socket.timeout.ms": options.get(_REQUEST, _REQUEST_MS),
    }
    options = contained(options)
    options.pop(_REQUEST, None)  # a producer's, here
    decided = {**_DECIDED, SERVERS: ",".join(servers), "group.id": group}
    if options.get("group.protocol") == NEW_PROTOCOL:
        return {**_DEFAULTS, **times, **options, **decided}
    return {**_DEFAULTS, **_CLASSIC, **times, **options, **decided, STRATEGY: "cooperative-sticky"}


def wrong(options: Mapping[str, Any]) -> Mapping[str, str]:
    """The options that the inbox sets, or that librdkafka does not know. Raises ImproperlyConfigured."""
    if found := {option: SET_HERE for option in sorted(options) if option in RESERVED}:
        return found
    try:
        client(Consumer, {**without_login(config((), "inbox", options)), SERVERS: ""}).close()
    except ImproperlyConfigured as error:
        name = _UNKNOWN.search(str(error))
        if name is None:
            raise
        hint = did_you_mean(name[1], BY_NAME)
        return {name[1]: f"librdkafka does not know. {hint}".rstrip()}
    return {}


def reading(options: Mapping[str, Any], fetch: Fetch) -> dict[str, Any]:
    """The options of a client that reads so. It tells when it has reached the end of a partition."""
    options = {**options, "enable.partition.eof": True}
    if fetch == Fetch():
        return options
    given = options.pop("max.partition.fetch.bytes", options.get("fetch.message.max.bytes", _PARTITION_BYTES))
    size = fetch.bytes(min(int(given), int(options.get("fetch.max.bytes", given))))
    sizes = dict.fromkeys(("fetch.message.max.bytes", "fetch.max.bytes", "message.max.bytes"), size)
    return {**options, **sizes, "socket.timeout.ms": min(_LONGEST_MS, milliseconds(options) * fetch.times)}


def milliseconds(options: Mapping[str, Any]) -> int:
    """How long a client waits for an answer."""
    return int(options["socket.timeout.ms"])


def without_consumer(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a client that only asks: those of connections."""
    return {
        name: value
        for name, value in options.items()
        if not (name in BY_NAME and BY_NAME[name].side == CONSUMER) and name != "allow.auto.create.topics"
    }


def metadata_seconds(options: Mapping[str, Any]) -> float:
    """The seconds between two requests for metadata."""
    return int(options[_REFRESH]) / 1000


def begins_at_end(options: Mapping[str, Any]) -> bool:
    """Whether a new consumer begins at the end."""
    return options["auto.offset.reset"] in ("latest", "largest", "end")


def client(kind: type, options: Mapping[str, Any], logger: Any = LOGGER) -> Any:
    """A client with these options.

    Raises:
        ImproperlyConfigured: they are wrong.
        KafkaException: ``oauth_cb`` gave no token in time; the service that it asks may be away.
    """
    try:
        return kind(dict(options), logger=logger)
    except KafkaException as error:
        if of(error).code() == KafkaError.SASL_AUTHENTICATION_FAILED:
            raise
        raise ImproperlyConfigured(f'KAFKA["OPTIONS"]: {of(error).str()}') from error
    except TypeError as error:
        raise ImproperlyConfigured(f'KAFKA["OPTIONS"]: {error}') from error
