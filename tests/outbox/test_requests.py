"""request_started and request_finished, which Django sends outside of any transaction."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.dispatch import Signal
from django.test import AsyncClient, Client

import outbox
from outbox.testing import CapturedEvents
from tests.testapp.events import Note

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.testapp.urls")]


@pytest.fixture(autouse=True)
def announced() -> None:
    @outbox.receiver([request_started, request_finished])
    def noted(signal: Signal, **kwargs: Any) -> Note:
        return Note("started" if signal is request_started else "finished")


def test_emit_in_transactions_of_their_own(outbox_events: CapturedEvents) -> None:
    Client().get("/note")
    assert [event.key for event in outbox_events] == ["started", "request", "finished"]


def test_emit_when_sent_by_an_async_server(outbox_events: CapturedEvents) -> None:
    async_to_sync(AsyncClient().get)("/anote")
    assert [event.key for event in outbox_events] == ["started", "request", "finished"]


def test_leave_no_connection_open_that_was_closed(outbox_events: CapturedEvents) -> None:
    """When a request is finished Django has closed its connection, and would not look for another one."""
    connection.close()
    request_finished.send(sender=None)
    assert connection.connection is None
    assert len(outbox_events) == 1


def test_leave_a_connection_open_that_was_open(outbox_events: CapturedEvents) -> None:
    connection.ensure_connection()
    request_finished.disconnect(close_old_connections)
    try:
        request_finished.send(sender=None)
    finally:
        request_finished.connect(close_old_connections)
    assert connection.connection is not None
