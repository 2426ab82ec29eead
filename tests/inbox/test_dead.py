"""A process that died without leaving its group is removed from it by the next one on its host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Collection
from typing import Any

import pytest
from django.db.models.functions import Now

from inbox.conf import ConsumerSettings, settings
from inbox.errors import SourceUnavailable
from inbox.models import Instance
from inbox.status.dead import remove_dead
from tests.inbox.conftest import logged

pytestmark = pytest.mark.django_db
HERE = socket.gethostname()
CONSUMER = ConsumerSettings(name="test", topics=("test",), handlers=("consumers.crm.handlers",))


def process(member: str, pid: int, **values: Any) -> None:
    row = {"consumer": "test", "host": HERE, "state": Instance.State.RUNNING, "heartbeat_at": Now()}
    Instance.objects.create(id=uuid.uuid4(), member=member, pid=pid, **{**row, **values})


@pytest.fixture
def ended() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The members that Kafka was asked to remove."""
    removed: list[str] = []

    def remove(inbox: Any, group: str, members: Collection[str]) -> None:
        removed.extend(members)

    monkeypatch.setattr("inbox.status.dead.remove_members", remove)
    return removed


def left() -> set[str]:
    return set(Instance.objects.values_list("member", flat=True))


def test_only_dead_processes_of_this_host_and_consumer_are_removed(
    removed: list[str], ended: int, caplog: pytest.LogCaptureFixture
) -> None:
    """In a container the dead one often had the number of this process."""
    caplog.set_level("INFO", "inbox")
    process("dead", ended)
    process("dead with our number", os.getpid())
    process("alive", os.getppid())
    process("", ended)
    process("of another host", ended, host="elsewhere")
    process("of another consumer", ended, consumer="other")
    remove_dead(settings(), CONSUMER)
    assert sorted(removed) == ["dead", "dead with our number"]
    assert left() == {"alive", "", "of another host", "of another consumer"}
    (line,) = logged(caplog, "dead_removed")
    assert sorted(line.processes) == sorted([f"{HERE}:{ended}", f"{HERE}:{os.getpid()}"])


def test_without_kafka_it_waits_for_their_sessions_to_time_out(
    monkeypatch: pytest.MonkeyPatch, ended: int
) -> None:
    def remove(*_: Any) -> None:
        raise SourceUnavailable("Kafka is away")

    monkeypatch.setattr("inbox.status.dead.remove_members", remove)
    process("dead", ended)
    remove_dead(settings(), CONSUMER)
    assert left() == {"dead"}
