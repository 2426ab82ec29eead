"""Removes members from a consumer group whose processes are dead."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from kafka.admin import MemberToRemove
from kafka.errors import KafkaError

from inbox.errors import SourceUnavailable
from inbox.kafka.client import connect_admin


def remove_members(
    servers: Sequence[str], group: str, options: Mapping[str, Any], members: Collection[str]
) -> None:
    """The group gives their partitions to others at once, not when their sessions time out. Ids that it no
    longer knows are ignored. Raises SourceUnavailable.
    """
    try:
        with closing(connect_admin(servers, options)) as admin:
            admin.remove_group_members(group, [MemberToRemove(member_id=member) for member in members])
    except KafkaError as error:
        raise SourceUnavailable(f"{','.join(servers)}: {error}") from error
