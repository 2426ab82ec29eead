"""Removes members from a consumer group whose processes are dead."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

from django.core.exceptions import ImproperlyConfigured
from kafka.admin import MemberToRemove
from kafka.errors import KafkaError

from inbox.conf import Settings
from inbox.errors import SourceUnavailable
from inbox.kafka.kafka_python.client import connect_admin
from outbox_core.kafka_options import KAFKA_PYTHON


def remove_members(inbox: Settings, group: str, members: Collection[str]) -> None:
    """The group gives their partitions to others at once, not when their sessions time out. Ids that it no
    longer knows are ignored.

    kafka-python asks for it, whichever client reads: librdkafka cannot. Raises SourceUnavailable, also if
    kafka-python cannot connect with the client's options.
    """
    try:
        _, servers, options = inbox.kafka_client(KAFKA_PYTHON)
    except ImproperlyConfigured as error:
        raise SourceUnavailable(str(error)) from error
    try:
        with closing(connect_admin(servers, options)) as admin:
            admin.remove_group_members(group, [MemberToRemove(member_id=member) for member in members])
    except KafkaError as error:
        raise SourceUnavailable(f"{','.join(servers)}: {error}") from error
