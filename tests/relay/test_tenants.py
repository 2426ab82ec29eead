"""Two tenants with the same key: a poison event of one holds nothing of the other, on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

import inbox
import outbox
from inbox.handling.registry import Registry
from inbox.models import HeldEvent
from inbox.testing import MemoryConsumer
from outbox.models import Hold
from outbox.testing import deliver
from tests.relay.conftest import Desk
from tests.testapp.events import Note

POISON = "x" * 1_000


@pytest.fixture
def notes(settings: Any, transactional_db: None) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "KEY_ATTRIBUTES": ["tenant"]}
    with transaction.atomic():
        for tenant, text in [("t1", POISON), ("t2", "a"), ("t1", "b"), ("t2", "c")]:
            outbox.emit(Note("1", text), attributes={"tenant": tenant})


def test_a_poison_event_of_one_tenant_holds_nothing_of_another_in_the_relay(
    desk: Callable[..., Desk], notes: None
) -> None:
    office = desk()
    office.broker._max_record_bytes = len(POISON)
    office.drain()
    assert [record.key for record in office.broker.records] == [b"t2:1", b"t2:1"]
    assert [(hold.scope, hold.key) for hold in Hold.objects.all()] == [("key", "t1:1")]


def test_a_poison_event_of_one_tenant_holds_nothing_of_another_in_the_inbox(notes: None) -> None:
    seen: list[tuple[str, str]] = []
    handlers = Registry()

    @handlers.handler("test.note")
    def noted(note: Note, event: inbox.Event) -> None:
        if note.text == POISON:
            raise ValueError(note.text)
        seen.append((event.headers["tenant"], note.text))

    deliver(MemoryConsumer("test", handlers=handlers, topics=("test.notes",), raises=False))
    assert seen == [("t2", "a"), ("t2", "c")]
    assert [held.key for held in HeldEvent.objects.order_by("id")] == ["t1:1", "t1:1"]
