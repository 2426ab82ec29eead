"""The options of the Kafka client: those that the inbox sets, and those that a project may set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaConfigurationError, KafkaTimeoutError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from inbox.kafka.connections import SET_HERE
from inbox.kafka.patience import Fetch
from outbox_core.kafka_python import Reporting, words
from outbox_core.kafka_reasons import explained
from outbox_core.suggestion import did_you_mean

FIXED = {
    "enable_auto_commit": False,  # offsets follow the database, never the clock
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "group_instance_id": None,  # a static member of a cooperative group can leave a partition unread
}
DEFAULTS = {
    "auto_offset_reset": "earliest",
    "max_poll_records": 500,
    "fetch_max_bytes": 8 * 1024 * 1024,
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 3_000,
    "request_timeout_ms": 10_000,
    "reconnect_backoff_max_ms": 1_000,
    "metadata_max_age_ms": 5_000,  # how soon a deleted or recreated topic is noticed
    "bootstrap_timeout_ms": 3_000,
}
RESERVED = {
    *FIXED,
    "bootstrap_servers",
    "group_id",
    "key_deserializer",
    "value_deserializer",
    "kafka_client",
}
_OF_PARTITION, _IDLE, _TIMEOUT = "max_partition_fetch_bytes", "connections_max_idle_ms", "request_timeout_ms"
WITHOUT_GROUP: Mapping[str, Any] = {"group_id": None, "auto_offset_reset": "earliest"}


class _Connections(Reporting, KafkaConnectionManager):  # type: ignore[misc]
    """The connections of one client."""


class _Network(KafkaNetClient):  # type: ignore[misc]
    """The network of one client. ``trouble`` is why a connection failed last."""

    def __init__(self, **configs: Any) -> None:
        loop = NetworkSelector(**configs)
        self._connections = _Connections(loop, **configs)
        super().__init__(net=loop, manager=self._connections, **configs)

    @property
    def trouble(self) -> str:
        return self._connections.trouble


def reason(error: Exception) -> str:
    """An error of a client in words, with its remedy; empty if it means only that no answer came in time."""
    if isinstance(error, KafkaTimeoutError):
        return explained(next(iter(getattr(error, "__notes__", ())), ""))
    return explained(words(error))


def known_options() -> set[str]:
    """The client options that ``KAFKA["OPTIONS"]`` may hold."""
    return set(KafkaConsumer.DEFAULT_CONFIG) - RESERVED


def wrong(options: Mapping[str, Any]) -> Mapping[str, str]:
    """The options that a consumer cannot have, and why."""
    known = known_options()
    return {
        option: SET_HERE
        if option in RESERVED
        else f"kafka.KafkaConsumer does not know. {did_you_mean(option, known)}"
        for option in sorted(options.keys() - known)
    }


def config(servers: Sequence[str], options: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """All options of a client: those of the settings, and ``own``, which are for this client only."""
    return {**DEFAULTS, **options, **FIXED, "bootstrap_servers": list(servers), **own}


def connect(options: Mapping[str, Any]) -> Any:
    """A consumer with these options. If no broker answers, the error has a note that says why."""
    made: list[_Network] = []

    def remembered(**given: Any) -> _Network:
        made.append(_Network(**given))
        return made[-1]

    try:
        consumer = KafkaConsumer(**options, kafka_client=remembered)
    except KafkaConfigurationError as error:
        raise ImproperlyConfigured(f'KAFKA["OPTIONS"]: {error}') from error
    except BaseException as error:
        for client in made:  # a consumer whose constructor fails leaves its thread running
            with suppress(RuntimeError):  # unless that could not be started
                client.close()
            error.add_note(client.trouble)
        raise
    # The client does not pass this option on, and would create a deleted topic again, with default settings.
    consumer._client.cluster.config["allow_auto_create_topics"] = False
    return consumer


def reading(options: Mapping[str, Any], fetch: Fetch) -> dict[str, Any]:
    """The options of a client that reads so."""
    if fetch == Fetch():
        return {**options}
    own = KafkaConsumer.DEFAULT_CONFIG
    size = fetch.bytes(min(options.get(_OF_PARTITION, own[_OF_PARTITION]), options["fetch_max_bytes"]))
    idle = options.get(_IDLE, own[_IDLE])
    longest = max(options[_TIMEOUT], idle - 1_000)  # the client ends an idle connection
    wait = min(longest, options[_TIMEOUT] * fetch.times)
    return {**options, _OF_PARTITION: size, "fetch_max_bytes": size, _TIMEOUT: wait}


def seconds(options: Mapping[str, Any]) -> float:
    """How long a client waits for an answer."""
    return float(options[_TIMEOUT] / 1000)


def connect_admin(servers: Sequence[str], options: Mapping[str, Any]) -> Any:
    """A client that asks about a group, or changes it, from outside."""
    known = {n: v for n, v in config(servers, options).items() if n in KafkaAdminClient.DEFAULT_CONFIG}
    return KafkaAdminClient(**known)


def members_of(admin: Any, group: str) -> frozenset[str]:
    """The ids of the members of a group; none of a group that does not exist."""
    found = admin.describe_groups([group]).get(group, {})
    return frozenset(each["member_id"] for each in found.get("members") or ())


def cluster_id(client: Any) -> str:
    """The id of the cluster that a consumer is connected to."""
    return client._client.cluster.cluster_id or ""


def topic_ids(client: Any) -> Mapping[str, UUID | None]:
    """The topics that a consumer knows, by its last metadata, and their ids (KIP-516). Sends no request."""
    cluster = client._client.cluster
    return {topic: cluster.topic_id(topic) for topic in cluster.topics()}
