"""outbox_replay on a desk: what it is asked to send again, and what a relay then sends."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command

from outbox.models import OutboxEvent
from outbox_core.wire.encode import Record
from tests.relay.conftest import Desk, Writer


class Office:
    """A desk, a writer, and what was sent last."""

    def __init__(self, desk: Desk, writer: Writer) -> None:
        self.desk, self.writer = desk, writer
        self.before: list[Record] = []

    def emit(self, key: str, count: int = 1, topic: str = "t") -> None:
        self.writer.insert(key, count, topic=topic)
        self.writer.commit()

    def drain(self) -> list[Record]:
        return self.desk.drain_records()

    def replay(self, *arguments: str) -> str:
        out = StringIO()
        call_command("outbox_replay", *arguments, stdout=out)
        return out.getvalue()

    @property
    def statuses(self) -> set[str]:
        return {event.status for event in OutboxEvent.objects.with_status()}


@pytest.fixture
def it(desk: Callable[..., Desk], writer: Callable[[], Writer]) -> Office:
    return Office(desk(), writer())


def header(record: Record, name: str) -> str:
    return dict(record.headers)[name].decode()
