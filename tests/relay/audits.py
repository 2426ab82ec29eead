"""outbox_audit, run in this process, and outboxes for it to prove."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from kafka import KafkaProducer
from pytest_django import Settings

from outbox_core.wire.encode import Record
from tests.relay.conftest import Desk, Writer

SOURCE = "/test"
SECONDS = 60.0


def audit(topic: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code of an audit of a topic, and its report."""
    out = StringIO()
    given = ("--json", "--topic", topic, "--timeout", str(SECONDS))
    with pytest.raises(SystemExit) as end:
        call_command("outbox_audit", *given, *arguments, stdout=out)
    return int(end.value.code or 0), json.loads(out.getvalue())


class Audited:
    """An outbox whose events are published as a test wants, and what the last audit said."""

    def __init__(self, desk: Desk, writer: Writer, bootstrap: str, topic: str) -> None:
        self.desk, self.writer, self.bootstrap, self.topic = desk, writer, bootstrap, topic
        self.code = -1
        self.data: dict[str, Any] = {}

    def emit(self, key: str, count: int = 1) -> list[int]:
        """One transaction."""
        ids = self.writer.insert(key, count, topic=self.topic)
        self.writer.commit()
        return ids

    def drain(self) -> list[Record]:
        """Move the position; what a relay would have sent."""
        return self.desk.drain_records()

    def send(self, records: Iterable[Record]) -> None:
        with closing(KafkaProducer(bootstrap_servers=self.bootstrap)) as producer:
            for record in records:
                producer.send(record.topic, record.value, record.key, list(record.headers), partition=0)
            producer.flush()

    def audit(self, *arguments: str) -> Audited:
        self.code, self.data = audit(self.topic, *arguments)
        return self

    @property
    def differences(self) -> dict[str, int]:
        found: dict[str, int] = self.data["differences"]
        return found

    @property
    def first(self) -> dict[str, str]:
        [found] = self.data["first"]
        return dict(found)

    @property
    def published(self) -> int:
        return sum(self.data["published"].values())


@pytest.fixture
def it(
    settings: Settings,
    desk: Callable[..., Desk],
    writer: Callable[[], Writer],
    topic: Callable[..., str],
    kafka_bootstrap: str,
) -> Audited:
    settings.OUTBOX = {**settings.OUTBOX, "SOURCE": SOURCE}
    settings.RELAY = {}
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": kafka_bootstrap.split(",")}}
    return Audited(desk(), writer(), kafka_bootstrap, topic())
