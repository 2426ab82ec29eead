"""librdkafka's options: those of KAFKA["OPTIONS"], and those that the publisher decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import confluent_kafka
from confluent_kafka.admin import AdminClient
from django.core.exceptions import ImproperlyConfigured

from outbox_core.librdkafka import LOGGER, contained, without_login
from relay.publishers import options as configuration

LARGEST = 90_000_000
"""Bytes; brokers take requests of 100 MiB by default (socket.request.max.bytes)."""
MINIMUM_MS = 1_000

_DEFAULTS = {"reconnect.backoff.max.ms": 1_000, "queue.buffering.max.messages": 100_000}
_DECIDED = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random",
    # Only flush() closes a batch, not time, size or number: a wave is one batch for each partition. The
    # client must not let a message expire: later ones of its partition would still be sent.
    "linger.ms": 900_000,
    "batch.size": LARGEST,
    "batch.num.messages": 1_000_000,
    "message.max.bytes": LARGEST,
    "message.timeout.ms": 0,
    "queue.buffering.max.kbytes": 131_072,
    "delivery.report.only.error": True,
}

_ALL = ("every record is acknowledged by all in-sync replicas", ("all", "-1", -1))
_WAVE = ('a wave is one batch; RELAY["BATCH_BYTES"] is its limit', ())
_TIME = ('RELAY["DELIVERY_SECONDS"] says how long a wave is tried', ())
_REPORTS = ("the publisher listens to the client itself", ())
_FIXED: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "acks": _ALL,
    "request.required.acks": _ALL,
    "enable.idempotence": ("publishing is always idempotent", (True, "true")),
    "transactional.id": ("the relay does not publish in transactions", (None, "")),
    "partitioner": ("keys go to the partitions that Java's clients choose", ("murmur2_random",)),
    **dict.fromkeys(("linger.ms", "queue.buffering.max.ms", "batch.size", "batch.num.messages"), _WAVE),
    **dict.fromkeys(("message.timeout.ms", "delivery.timeout.ms"), _TIME),
    **dict.fromkeys(("retries", "message.send.max.retries"), _TIME),
    "message.max.bytes": ("the topic's max.message.bytes is the bound", ()),
    "queue.buffering.max.kbytes": ("the relay bounds what is buffered", ()),
    **dict.fromkeys(("delivery.report.only.error", "dr_cb", "on_delivery", "error_cb"), _REPORTS),
    "default.topic.config": ("librdkafka has a separate option for each of them", ()),
}
_FILES = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.crl.location")
_SOME_KNOWN = (
    "allow.auto.create.topics", "bootstrap.servers", "broker.address.family", "client.dns.lookup",
    "client.id", "compression.codec", "compression.level", "compression.type", "connections.max.idle.ms",
    "debug", "enable.ssl.certificate.verification", "log_level", "max.in.flight.requests.per.connection",
    "metadata.max.age.ms", "oauth_cb", "plugin.library.paths", "queue.buffering.max.messages",
    "reconnect.backoff.max.ms", "reconnect.backoff.ms", "request.timeout.ms", "retry.backoff.max.ms",
    "retry.backoff.ms", "sasl.kerberos.service.name", "sasl.mechanism", "sasl.mechanisms",
    "sasl.oauthbearer.config", "sasl.oauthbearer.method", "sasl.password", "sasl.username",
    "security.protocol", "socket.keepalive.enable", "socket.timeout.ms", "ssl.ca.location", "ssl.ca.pem",
    "ssl.certificate.location", "ssl.certificate.pem", "ssl.cipher.suites",
    "ssl.endpoint.identification.algorithm", "ssl.key.location", "ssl.key.password", "ssl.key.pem",
    "statistics.interval.ms", "stats_cb", "throttle_cb", "topic.metadata.refresh.interval.ms",
)  # fmt: skip


def client_options(options: Mapping[str, Any], delivery_seconds: float) -> dict[str, Any]:
    """What every client of librdkafka gets. Raises ImproperlyConfigured, naming the option.

    A request without an answer is sent once more within the time of a wave, by the same producer. So the
    broker recognises records that it already has.
    """
    configuration.check(options, required="bootstrap.servers", fixed=_FIXED, files=_FILES)
    milliseconds = max(MINIMUM_MS, int(delivery_seconds * 500))
    result = contained({**_DEFAULTS, "socket.timeout.ms": milliseconds, **options})
    _try(confluent_kafka.Producer, {**result, **_DECIDED})
    _try(AdminClient, result)
    return result


def patient(options: Mapping[str, Any], delivery_seconds: float) -> dict[str, Any]:
    """The same for a slow link: a request must not end before its wave."""
    milliseconds = int((delivery_seconds + 1) * 1000)
    return {**options, "socket.timeout.ms": max(int(options["socket.timeout.ms"]), milliseconds)}


def producer_options(
    options: Mapping[str, Any], callbacks: Mapping[str, Callable[[Any], None]]
) -> dict[str, Any]:
    """Additional options of the producer. ``callbacks`` are called for failed connections and quotas."""
    return {**options, **_DECIDED, **callbacks}


def compresses(options: Mapping[str, Any]) -> bool:
    """Whether batches are compressed."""
    return any(options.get(name, "none") != "none" for name in ("compression.type", "compression.codec"))


def _try(client: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Let librdkafka check the options, with a client that has no address to connect to."""
    alone = without_login(options)
    alone.pop("bootstrap.servers")
    try:
        with client(alone, logger=LOGGER):
            pass
    except confluent_kafka.KafkaException as error:
        text = error.args[0].str()
        unknown = re.fullmatch(r'No such configuration property: "(.*)"', text)
        if unknown is None:
            raise ImproperlyConfigured(f'KAFKA["OPTIONS"]: {text}.') from error
        raise configuration.unknown(unknown[1], "librdkafka", _SOME_KNOWN) from error
    except TypeError as error:  # a callback is not callable
        raise ImproperlyConfigured(f'KAFKA["OPTIONS"]: {error}.') from error
