"""Asks who is a member of a consumer group, and removes members whose processes are dead.

kafka-python does it, whichever client reads. librdkafka cannot remove members, and it ends the process if the
connection fails while it asks who they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from kafka.admin import MemberToRemove
from kafka.errors import KafkaError

from inbox.conf import Settings
from inbox.errors import SourceUnavailable
from inbox.kafka.kafka_python.client import connect_admin, members_of
from outbox_core.kafka_options import KAFKA_PYTHON


def members(inbox: Settings, group: str) -> frozenset[str]:
    """The ids of the group's members. None if Kafka does not answer, or does not let this client ask, or if
    the group uses the new protocol, which kafka-python does not know.
    """
    with suppress(SourceUnavailable), _admin(inbox) as admin:
        return members_of(admin, group)
    return frozenset()


def remove_members(inbox: Settings, group: str, dead: Collection[str]) -> None:
    """The group gives their partitions to others at once, not when their sessions time out. Ids that it no
    longer knows are ignored.

    Raises SourceUnavailable, also if kafka-python cannot connect with the client's options.
    """
    with _admin(inbox) as admin:
        admin.remove_group_members(group, [MemberToRemove(member_id=member) for member in dead])


@contextmanager
def _admin(inbox: Settings) -> Iterator[Any]:
    try:
        _, servers, options = inbox.kafka_client(KAFKA_PYTHON)
    except ImproperlyConfigured as error:
        raise SourceUnavailable(str(error)) from error
    try:
        with closing(connect_admin(servers, options)) as admin:
            yield admin
    except KafkaError as error:
        raise SourceUnavailable(f"{','.join(servers)}: {error}") from error
