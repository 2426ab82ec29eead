"""Members of a consumer's group that are no process of its database: another database shares the group."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from inbox.models import Instance
from outbox_core.people.humanize import plural

SETTLED_AFTER = 1.0
"""A process that has just joined, or left, has written so after so many seconds."""

Members = Callable[[], frozenset[str]]
"""Asks Kafka for the ids of the group's members."""


def strangers(consumer: str, using: str, members: Members) -> int:
    """How many members are not known here. If there are some, it asks again a second later, and the smaller
    number counts.
    """
    found = _look(consumer, using, members)
    if not found:
        return 0
    time.sleep(SETTLED_AFTER)
    return min(found, _look(consumer, using, members))


def sentence(group: str, number: int) -> str:
    """That a group has strangers."""
    verb = "writes" if number == 1 else "write"
    return f"Group {group} has {plural(number, 'member')} that {verb} no heartbeat into this database."


def _look(consumer: str, using: str, members: Members) -> int:
    """A process whose client was replaced is still a member with its old id. So each process of the consumer
    accounts for one member, whatever the id.
    """
    before = _alive(using)
    found = members()
    alive = before | _alive(using)
    known = {member for _, _, member in alive}
    ours = {process for process, of, _ in alive if of == consumer}
    return max(0, min(len(found - known), len(found) - len(ours)))


def _alive(using: str) -> set[tuple[UUID, str, str]]:
    """The processes of all consumers, as some of them may share a group."""
    return {*Instance.objects.using(using).alive().values_list("id", "consumer", "member")}
