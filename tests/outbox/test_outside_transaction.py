"""A signal that arrives outside a transaction, after its change: it is said, once per place, or refused."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.signals import request_finished, request_started
from django.db import connections, transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import Signal

import outbox
from outbox.capture import outside
from outbox.testing import CapturedEvents
from tests.outbox.hearing import keys, note
from tests.testapp.models import Parcel

pytestmark = pytest.mark.django_db(transaction=True)

shipped = Signal()


@pytest.fixture(autouse=True)
def warned_of_nothing_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "_warned", set())


def warnings(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [
        record for record in caplog.records if getattr(record, "action", "") == "outbox.outside_transaction"
    ]


def send() -> None:
    shipped.send(sender=int)


def policy(settings: Any, value: str) -> None:
    settings.OUTBOX = {**settings.OUTBOX, "OUTSIDE_TRANSACTION": value}


def test_is_warned_of_once_per_place(caplog: pytest.LogCaptureFixture, outbox_events: CapturedEvents) -> None:
    note(shipped)
    for _ in range(3):
        send()
    shipped.send(sender=int)
    first, second = warnings(caplog)
    assert first.levelno == logging.WARNING
    assert first.called_at.startswith(__file__)
    assert first.called_at != second.called_at
    assert len(outbox_events) == 4


def test_robust_signals_are_warned_of_too(caplog: pytest.LogCaptureFixture) -> None:
    note(shipped)
    shipped.send_robust(sender=int)
    assert len(warnings(caplog)) == 1


def test_names_the_signal_as_the_project_does(caplog: pytest.LogCaptureFixture) -> None:
    note(shipped)
    send()
    (warning,) = warnings(caplog)
    assert warning.signal == f"{__name__}.shipped"


def test_async_signals_are_warned_of_with_their_own_cure(caplog: pytest.LogCaptureFixture) -> None:
    note(shipped)

    async def view() -> None:
        await shipped.asend(sender=int)
        await sync_to_async(connections.close_all)()  # that of the thread in which the receiver ran

    asyncio.run(view())
    (warning,) = warnings(caplog)
    assert warning.called_at == "async code"
    assert "sync_to_async" in warning.getMessage()


@pytest.mark.django_db(transaction=False)
def test_in_the_transaction_of_a_test_it_is_outside_as_in_production(
    settings: Any, caplog: pytest.LogCaptureFixture, outbox_events: CapturedEvents
) -> None:
    note(shipped)
    send()
    assert len(warnings(caplog)) == len(outbox_events) == 1
    with transaction.atomic():
        send()
    assert (len(warnings(caplog)), len(outbox_events)) == (1, 2)
    policy(settings, "refuse")
    with pytest.raises(outbox.TransactionRequired):
        send()


def test_inside_a_transaction_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    note(shipped)
    with transaction.atomic():
        send()
    assert not warnings(caplog)


def test_may_be_refused(settings: Any, outbox_events: CapturedEvents) -> None:
    policy(settings, "refuse")
    note(shipped)
    with pytest.raises(outbox.TransactionRequired, match="outside a transaction of database 'default'"):
        send()
    ((_, error),) = shipped.send_robust(sender=int)
    assert isinstance(error, outbox.TransactionRequired)
    assert not outbox_events


def test_may_be_allowed(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    policy(settings, "allow")
    note(shipped)
    send()
    assert not warnings(caplog)


@pytest.mark.parametrize("value", ["", "error", None, True])
def test_other_policies_are_refused(settings: Any, value: Any) -> None:
    from outbox.conf import OutboxSettings
    from outbox_core.process.settings import problems

    policy(settings, value)
    (problem,) = problems(OutboxSettings, "OUTBOX")
    assert problem.id == "outbox.E002"


never_said = pytest.mark.parametrize("value", ["warn", "refuse"])


@never_said
@pytest.mark.parametrize("signal", [request_started, request_finished])
def test_signals_that_django_sends_outside_of_transactions_are_fine(
    signal: Signal,
    value: str,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    outbox_events: CapturedEvents,
) -> None:
    policy(settings, value)
    note(signal)
    signal.send(sender=int)
    assert len(outbox_events) == 1
    assert not warnings(caplog)


@never_said
def test_saves_and_deletions_are_guarded_and_never_warned_of(
    value: str, settings: Any, caplog: pytest.LogCaptureFixture, outbox_events: CapturedEvents
) -> None:
    policy(settings, value)
    note([post_save, post_delete], Parcel)
    Parcel.objects.create(code="a").delete()
    assert keys(outbox_events) == ["Parcel", "Parcel"]
    assert not warnings(caplog)


def test_post_save_that_is_sent_by_hand_after_an_update_does_not_fail_in_its_senders_face(
    caplog: pytest.LogCaptureFixture, outbox_events: CapturedEvents
) -> None:
    note(post_save, Parcel)
    parcel = Parcel.objects.create(code="a")
    Parcel._base_manager.filter(pk=parcel.pk).update(weight=1)
    post_save.send(Parcel, instance=parcel, created=False, raw=False, using="default", update_fields=None)
    assert len(warnings(caplog)) == 1
    assert len(outbox_events) == 2
