"""A continuous audit of tests: its turns come when a test says so, and faster than in production."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from django.db import connection
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from outbox.models import ContinuousAudit
from relay.audit.continuous.auditor import Auditor
from relay.audit.continuous.row import AuditRow
from relay.audit.kafka import Reader, open_reader
from relay.audit.log import Log
from tests.relay.audits import Audited
from tests.waiting import wait_until

SECONDS = 60.0
"""Within this time everything is found."""
EVERY = 1.0
MakeAuditor = Callable[..., Auditor]


def plain_reader() -> Reader:
    return open_reader(8.0)


@pytest.fixture
def auditors() -> Iterator[MakeAuditor]:
    """Makes processes that may compare; their turns come when a test says so."""
    with ExitStack() as stack:

        def make(
            name: str = "first", lease: float = SECONDS, make: Callable[[], Any] = plain_reader
        ) -> Auditor:
            auditor = Auditor("default", make, EVERY, AuditRow("default", name, lease))
            stack.callback(auditor.give_back)
            return auditor

        yield make


@pytest.fixture
def auditor(auditors: MakeAuditor) -> Auditor:
    return auditors()


def row() -> ContinuousAudit:
    return ContinuousAudit.objects.get()


def first() -> dict[str, str]:
    found = row().first
    assert found is not None
    return dict(found)


def turn_until(auditor: Auditor, reached: Callable[[], object], what: str) -> float:
    """Turns follow each other faster than in production. Returns how many seconds of ``EVERY`` they were."""
    turns = 0

    def is_reached() -> bool:
        nonlocal turns
        turns += 1
        auditor.turn()
        return bool(reached())

    wait_until(is_reached, SECONDS, what, every=0.1)
    return turns * EVERY


def prove(auditor: Auditor) -> None:
    """Both sides are equal: everything of now is proved, also by a whole audit."""
    now = Log("default").moment().at

    def is_proved() -> bool:
        found = row()
        return bool(found.until and found.compared_at and min(found.until, found.compared_at) > now)

    turn_until(auditor, is_proved, "it is proved")
    assert (row().differences, row().first, row().trouble) == (0, None, "")


def is_different() -> bool:
    return row().differences > 0


def delete_row(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM outbox_event WHERE id = %s", [number])


def delete_records(it: Audited, before: int) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=it.bootstrap)) as admin:
        admin.delete_records({TopicPartition(it.topic, 0): before})


def configure(it: Audited, **configs: str) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=it.bootstrap)) as admin:
        named = {name.replace("_", "."): value for name, value in configs.items()}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, it.topic, named)])


def publish(it: Audited, key: str = "a", count: int = 5) -> list[int]:
    ids = it.emit(key, count)
    it.send(it.drain())
    return ids
