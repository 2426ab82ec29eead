"""The options of Kafka clients, with their names in kafka-python and librdkafka. Pure.

https://kafka-python.readthedocs.io/en/master/apidoc/KafkaProducer.html and .../KafkaConsumer.html
https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KAFKA_PYTHON, CONFLUENT = "kafka-python", "confluent"
PRODUCER, CONSUMER, BOTH = "producer", "consumer", "producer or consumer"

SERVERS = "bootstrap_servers"
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")

Convert = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d+", value) else value


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _flag_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _list(value: Any) -> Any:
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


def _list_text(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def _anything(_value: Any) -> str:
    return ""


def _protocol(value: Any) -> str:
    return "" if value is None or value in PROTOCOLS else f"one of {', '.join(PROTOCOLS)}"


def _amount(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if value is None or (is_number and value >= 0) else "a number from 0 on"


def _mapped(table: Mapping[Any, Any]) -> Convert:
    return lambda value: table.get(value, value) if isinstance(value, (str, bool, type(None))) else value


@dataclass(frozen=True, slots=True)
class Kind:
    """Converts a value to kafka-python's form, from either spelling, and from there to librdkafka's.

    ``needed`` says of a value in kafka-python's form what it has to be; nothing if it is that.
    """

    plain: Convert = _same
    librdkafka: Convert = _same
    needed: Callable[[Any], str] = _anything


TEXT = Kind()
NUMBER = Kind(_number, needed=_amount)
FLAG = Kind(_flag, _flag_text)
UPPER = Kind(_upper)
PROTOCOL = Kind(_upper, needed=_protocol)
"""kafka-python takes any other text for PLAINTEXT: it would send without encryption and without a login."""
ADDRESSES = Kind(_list, _list_text)
CODEC = Kind(_mapped({"none": None}), _mapped({None: "none"}))
HOSTNAME = Kind(_mapped({"https": True, "none": False}), _mapped({True: "https", False: "none"}))
OFFSET = Kind(
    _mapped({"smallest": "earliest", "beginning": "earliest", "largest": "latest", "end": "latest"}),
)
ACKS = Kind(lambda value: {"-1": "all", -1: "all"}.get(value, _number(value)))


@dataclass(frozen=True, slots=True)
class Option:
    """One option. A client without an equal option has no name for it."""

    python: str
    librdkafka: str
    side: str
    kind: Kind = TEXT
    aliases: tuple[str, ...] = ()

    def name(self, client: str) -> str:
        return self.python if client == KAFKA_PYTHON else self.librdkafka

    def names(self, client: str) -> tuple[str, ...]:
        """Every name that the client itself understands."""
        return (self.python,) if client == KAFKA_PYTHON else (self.librdkafka, *self.aliases)


def _alike(side: str, kind: Kind, *names: str) -> Iterator[Option]:
    """Options whose names differ only in the separator."""
    return (Option(name, name.replace("_", "."), side, kind) for name in names)


def _python_only(side: str, *names: str) -> Iterator[Option]:
    return (Option(name, "", side) for name in names)


def _librdkafka_only(side: str, *names: str) -> Iterator[Option]:
    return (Option("", name, side) for name in names)


OPTIONS: Sequence[Option] = (
    Option(SERVERS, "bootstrap.servers", BOTH, ADDRESSES, ("metadata.broker.list",)),
    Option("security_protocol", "security.protocol", BOTH, PROTOCOL),
    Option("sasl_mechanism", "sasl.mechanism", BOTH, UPPER, ("sasl.mechanisms",)),
    Option("sasl_plain_username", "sasl.username", BOTH),
    Option("sasl_plain_password", "sasl.password", BOTH),
    Option("ssl_cafile", "ssl.ca.location", BOTH),
    Option("ssl_certfile", "ssl.certificate.location", BOTH),
    Option("ssl_keyfile", "ssl.key.location", BOTH),
    Option("ssl_password", "ssl.key.password", BOTH),
    Option("ssl_crlfile", "ssl.crl.location", BOTH),
    Option("ssl_ciphers", "ssl.cipher.suites", BOTH),
    Option("ssl_check_hostname", "ssl.endpoint.identification.algorithm", BOTH, HOSTNAME),
    Option("receive_buffer_bytes", "socket.receive.buffer.bytes", BOTH, NUMBER),
    Option("send_buffer_bytes", "socket.send.buffer.bytes", BOTH, NUMBER),
    *_alike(BOTH, TEXT, "client_id", "client_dns_lookup", "sasl_kerberos_service_name"),
    *_alike(BOTH, FLAG, "allow_auto_create_topics"),
    *_alike(
        BOTH, NUMBER, "request_timeout_ms", "connections_max_idle_ms", "metadata_max_age_ms",
        "reconnect_backoff_ms", "reconnect_backoff_max_ms", "retry_backoff_ms", "receive_message_max_bytes",
    ),
    Option(
        "max_in_flight_requests_per_connection", "max.in.flight.requests.per.connection", BOTH, NUMBER,
        ("max.in.flight",),
    ),
    *_python_only(
        BOTH, "api_version", "bootstrap_timeout_ms", "kafka_client", "metric_reporters", "metrics_enabled",
        "metrics_num_samples", "metrics_sample_window_ms", "proxy_url", "sasl_kerberos_domain_name",
        "sasl_kerberos_name", "sasl_oauth_token_provider", "selector", "socket_options", "socks5_proxy",
        "ssl_context",
    ),
    Option("compression_type", "compression.type", PRODUCER, CODEC, ("compression.codec",)),
    Option("acks", "acks", PRODUCER, ACKS, ("request.required.acks",)),
    Option("retries", "retries", PRODUCER, NUMBER, ("message.send.max.retries",)),
    Option("linger_ms", "linger.ms", PRODUCER, NUMBER, ("queue.buffering.max.ms",)),
    Option("delivery_timeout_ms", "delivery.timeout.ms", PRODUCER, NUMBER, ("message.timeout.ms",)),
    Option("partitioner", "partitioner", PRODUCER),
    *_alike(PRODUCER, NUMBER, "batch_size", "transaction_timeout_ms"),
    *_alike(PRODUCER, FLAG, "enable_idempotence"),
    *_alike(PRODUCER, TEXT, "transactional_id"),
    *_python_only(PRODUCER, "key_serializer", "value_serializer", "max_block_ms", "max_request_size"),
    *_librdkafka_only(
        PRODUCER, "batch.num.messages", "compression.level", "delivery.report.only.error", "dr_cb",
        "enable.gapless.guarantee", "message.copy.max.bytes", "message.max.bytes", "on_delivery",
        "queue.buffering.backpressure.threshold", "queue.buffering.max.kbytes",
        "queue.buffering.max.messages", "sticky.partitioning.linger.ms",
    ),
    Option("auto_offset_reset", "auto.offset.reset", CONSUMER, OFFSET),
    Option("fetch_max_wait_ms", "fetch.wait.max.ms", CONSUMER, NUMBER),
    Option(
        "max_partition_fetch_bytes", "max.partition.fetch.bytes", CONSUMER, NUMBER,
        ("fetch.message.max.bytes",),
    ),
    *_alike(
        CONSUMER, NUMBER, "auto_commit_interval_ms", "fetch_max_bytes", "fetch_min_bytes",
        "heartbeat_interval_ms", "max_poll_interval_ms", "session_timeout_ms",
    ),
    *_alike(CONSUMER, FLAG, "check_crcs", "enable_auto_commit"),
    *_alike(CONSUMER, TEXT, "client_rack", "group_id", "group_instance_id", "isolation_level"),
    *_python_only(
        CONSUMER, "consumer_timeout_ms", "default_offset_commit_callback",
        "enable_incremental_fetch_sessions", "exclude_internal_topics", "key_deserializer",
        "max_poll_records", "metric_group_prefix", "partition_assignment_strategy", "value_deserializer",
    ),
    *_librdkafka_only(
        CONSUMER, "enable.auto.offset.store", "enable.partition.eof", "fetch.error.backoff.ms",
        "fetch.queue.backoff.ms", "group.protocol", "group.remote.assignor", "partition.assignment.strategy",
        "queued.max.messages.kbytes", "queued.min.messages",
    ),
)  # fmt: skip

BY_NAME = {
    name: option for option in OPTIONS for name in (option.python, option.librdkafka, *option.aliases) if name
}
