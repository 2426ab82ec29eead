"""kafka-python's options: those of KAFKA["OPTIONS"], and those that the publisher decides."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from kafka import KafkaProducer, codec
from kafka.errors import KafkaConfigurationError

from outbox_core.kafka import OPTIMIZED
from outbox_core.kafka_reasons import explained
from outbox_core.process.limits import is_no_thread
from relay.errors import PublisherUnavailable
from relay.publishers import options as configuration

DAY_MS = 86_400_000
T = TypeVar("T")

_DEFAULTS = {"reconnect_backoff_max_ms": 1_000}
_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")
_DECIDED = {
    "acks": "all",
    "enable_idempotence": True,
    # Only flush() closes a batch, not time or size: a wave is one batch for each partition. The client must
    # not let a batch expire: after that it waits without end for a producer id that it does not request.
    "linger_ms": DAY_MS,
    "delivery_timeout_ms": 2 * DAY_MS,
    "max_request_size": 90_000_000,
    "max_block_ms": 1_000,
}

_WAVE = 'a wave is one batch; RELAY["BATCH_BYTES"] is its limit'
_TIME = 'RELAY["DELIVERY_SECONDS"] says how long a wave is tried'
_BYTES = "the outbox already holds the bytes"
_WAIT = "it would make the relay wait"
_FIXED: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "acks": ("every record is acknowledged by all in-sync replicas", ("all", -1)),
    "enable_idempotence": ("publishing is always idempotent", (True,)),
    "max_in_flight_requests_per_connection": ("idempotence allows 1 to 5", (1, 2, 3, 4, 5)),
    "transactional_id": ("the relay does not publish in transactions", (None,)),
    "batch_size": (_WAVE, ()),
    "linger_ms": (_WAVE, ()),
    "delivery_timeout_ms": (_TIME, ()),
    "retries": (_TIME, ()),
    "max_block_ms": (_WAIT, ()),
    "bootstrap_timeout_ms": (_WAIT, ()),
    "max_request_size": ("the topic's max.message.bytes is the bound", ()),
    "key_serializer": (_BYTES, (None,)),
    "value_serializer": (_BYTES, (None,)),
    "partitioner": ("keys go to the partitions that Java's clients choose", ()),
    "kafka_client": ("the publisher sets its own", ()),
}
_CODECS = {
    None: lambda: True,
    "gzip": codec.has_gzip,
    "snappy": codec.has_snappy,
    "lz4": codec.has_lz4,
    "zstd": codec.has_zstd,
}


def producer_options(options: Mapping[str, Any], batch_bytes: int, delivery_seconds: float) -> dict[str, Any]:
    """What ``kafka.KafkaProducer`` gets. Raises ImproperlyConfigured, naming the option.

    A request without an answer is sent once more within the time of a wave, by the same producer. So the
    broker recognises records that it already has.
    """
    for name in options:
        if name not in KafkaProducer.DEFAULT_CONFIG:
            raise configuration.unknown(name, "kafka.KafkaProducer", KafkaProducer.DEFAULT_CONFIG)
    configuration.check(options, required="bootstrap_servers", fixed=_FIXED, files=_FILES)
    _check_codec(options.get("compression_type"))
    milliseconds = int(delivery_seconds * 1000)
    times = {"request_timeout_ms": milliseconds // 2, **options, "bootstrap_timeout_ms": milliseconds}
    return {**_DEFAULTS, **times, **_DECIDED, "batch_size": batch_bytes}


def patient(options: Mapping[str, Any], delivery_seconds: float) -> dict[str, Any]:
    """The same for a slow link: a request must not end before its wave."""
    milliseconds = int((delivery_seconds + 1) * 1000)
    return {**options, "request_timeout_ms": max(options["request_timeout_ms"], milliseconds)}


def answered_within(options: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The same for a client whose connection and requests each take ``seconds`` at most."""
    milliseconds = int(seconds * 1000)
    return {**options, "request_timeout_ms": milliseconds, "bootstrap_timeout_ms": milliseconds}


def made(client: Callable[..., T], **options: Any) -> T:
    """Makes a client, which checks the values of its options. Raises ImproperlyConfigured, or
    PublisherUnavailable where the client cannot start its thread.
    """
    if sys.flags.optimize:  # outbox_topics and outbox_bench make one beside another backend
        raise ImproperlyConfigured(f"{OPTIMIZED}.")
    try:
        return client(**options)
    except (KafkaConfigurationError, ValueError, TypeError, RuntimeError) as error:
        if is_no_thread(error):
            raise PublisherUnavailable(explained(str(error))) from error
        raise ImproperlyConfigured(f'KAFKA["OPTIONS"]: {error}') from error


def _check_codec(name: object) -> None:
    if name not in _CODECS:
        known = ", ".join(repr(codec) for codec in _CODECS)
        raise ImproperlyConfigured(
            f'KAFKA["OPTIONS"] sets "compression_type" to {name!r}; it can be {known}.'
        )
    if not _CODECS[name]():
        raise ImproperlyConfigured(
            f'KAFKA["OPTIONS"] sets "compression_type" to {name!r}: pip install "kafka-python[{name}]".'
        )
