"""The Kafka client of a setting: ``kafka-python`` or ``confluent``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inbox.kafka.connections import Connections
from inbox.kafka.inquiry import Inquiry
from outbox_core.kafka_options import CONFLUENT


def connections(client: str, servers: Sequence[str], options: Mapping[str, Any], group: str) -> Connections:
    """The connections of a source."""
    if client == CONFLUENT:
        from inbox.kafka.confluent import Confluent

        return Confluent(servers, group, options)
    from inbox.kafka.kafka_python import KafkaPython

    return KafkaPython(servers, group, options)


def inquiry(
    client: str,
    servers: Sequence[str],
    options: Mapping[str, Any],
    group: str = "",
    *,
    committed: bool = True,
) -> Inquiry:
    """Asks from outside. Without a ``group`` it asks about topics only. ``committed``: as a consumer that
    reads no records of open transactions, or that reads them too. Raises SourceUnavailable.
    """
    if client == CONFLUENT:
        from inbox.kafka.confluent.inquiry import Inquiry as Confluent

        return Confluent(servers, options, group, committed=committed)
    from inbox.kafka.kafka_python.inquiry import connected

    return connected(servers, options, group, committed=committed)


def wrong_options(client: str, options: Mapping[str, Any]) -> Mapping[str, str]:
    """The options that this client cannot have, and why. Raises ImproperlyConfigured for other problems."""
    if client == CONFLUENT:
        from inbox.kafka.confluent.options import wrong

        return wrong(options)
    from inbox.kafka.kafka_python.client import wrong

    return wrong(options)
