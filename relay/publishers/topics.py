"""What the broker tells of topics: partitions, the largest record, whether they can be written."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from relay.publishers.base import Trouble

DEFAULT_MAX_BYTES = 1_048_588
"""The broker's own default of message.max.bytes."""
FRESH_SECONDS = 60.0
TROUBLE_FRESH_SECONDS = 1.0

_UNKNOWN_TOPIC = kafka_errors.UnknownTopicOrPartitionError.errno
_FORBIDDEN = kafka_errors.TopicAuthorizationFailedError.errno
_ADMIN_OPTIONS = frozenset(KafkaAdminClient.DEFAULT_CONFIG)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the broker last described it."""

    partitions: int
    max_bytes: int
    trouble: Trouble | None = None
    detail: str = ""


class TopicDirectory:
    """Remembers topics for a minute, and those that cannot be written for a second."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = {name: value for name, value in options.items() if name in _ADMIN_OPTIONS}
        self.creates = bool(options.get("allow_auto_create_topics", True))
        self._admin: KafkaAdminClient | None = None
        self._topics: dict[str, tuple[float, Topic]] = {}

    def __getitem__(self, name: str) -> Topic:
        return self._topics[name][1]

    def learn(self, names: Collection[str]) -> None:
        """Ask for what is not known, or no longer fresh. Raises KafkaError when the broker does not answer."""
        now = time.monotonic()
        stale = [name for name in names if name not in self._topics or self._topics[name][0] <= now]
        if not stale:
            return
        if self._admin is None:
            self._admin = KafkaAdminClient(**self._options)
        limits = self._limits(stale)
        for description in self._admin.describe_topics(stale):
            self._keep(description["name"], _topic(description, limits))

    def known(self, name: str, partitions: int) -> None:
        """The producer knows the topic, with so many partitions."""
        topic = self[name]
        if topic.trouble is not None or topic.partitions != partitions:
            self._keep(name, replace(topic, partitions=partitions, trouble=None, detail=""))

    def refused(self, name: str, trouble: Trouble) -> None:
        """The producer may not write to the topic."""
        self._keep(name, replace(self[name], trouble=trouble, detail=_detail(name, trouble)))

    def forget(self, names: Collection[str]) -> None:
        for name in names:
            self._topics.pop(name, None)

    def close(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            with contextlib.suppress(kafka_errors.KafkaError, OSError):
                admin.close()

    def _keep(self, name: str, topic: Topic) -> None:
        fresh = FRESH_SECONDS if topic.trouble is None else TROUBLE_FRESH_SECONDS
        self._topics[name] = time.monotonic() + fresh, topic

    def _limits(self, names: Collection[str]) -> dict[str, int]:
        """max.message.bytes by topic; nothing where this client may not ask, and the broker's own verdict
        counts then.
        """
        assert self._admin is not None
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        try:
            described = self._admin.describe_configs(resources, config_filter="all")
        except kafka_errors.BrokerResponseError:
            return {}
        return {
            name: int(configs["max.message.bytes"]["value"])
            for name, configs in described.get("topic", {}).items()
            if "max.message.bytes" in configs
        }


def _topic(description: Mapping[str, Any], limits: Mapping[str, int]) -> Topic:
    name, code = description["name"], description["error_code"]
    partitions = len(description["partitions"])
    limit = limits.get(name, DEFAULT_MAX_BYTES)
    if code == _FORBIDDEN:
        return Topic(0, limit, Trouble.TOPIC_FORBIDDEN, _detail(name, Trouble.TOPIC_FORBIDDEN))
    if code == _UNKNOWN_TOPIC or not partitions:
        return Topic(0, limit, Trouble.TOPIC_MISSING, _detail(name, Trouble.TOPIC_MISSING))
    return Topic(partitions, limit)


def _detail(name: str, trouble: Trouble) -> str:
    if trouble is Trouble.TOPIC_FORBIDDEN:
        return f"The broker does not let this relay write to topic {name!r}: grant it WRITE and DESCRIBE."
    return f"Topic {name!r} does not exist: create it, or let the broker create topics."
