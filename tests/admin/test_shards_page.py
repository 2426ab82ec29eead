"""The page that divides the log among another number of shards."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from outbox.models import Ledger, Operation, OutboxEvent, Shard
from outbox.operations.bulk import RESHARD, operations
from outbox_core.operations.bulk import requests
from outbox_core.operations.bulk.carrier import OutsideCarrier
from outbox_core.operations.bulk.outside import OutsideWork
from tests.admin.conftest import Log, Staff
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
STATUS = "/admin/outbox/outboxstatus/"
PAGE = f"{STATUS}shards/"
MAY = ("view_outboxstatus", "reshard")


def asked(count: int = 4, reason: str = "INC-7") -> dict[str, Any]:
    return {"count": str(count), "reason": reason}


@pytest.mark.parametrize("atomic_requests", [False, True])
def test_what_the_preview_shows_is_done(
    staff: Staff, monkeypatch: pytest.MonkeyPatch, atomic_requests: bool
) -> None:
    """Also where requests are transactions."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic_requests)
    client = staff(*MAY)
    page = client.get(PAGE, asked()).content.decode()
    assert ("shard 3 (buckets 192-255)" in page, Shard.objects.count()) == (True, 1)
    assert client.post(PAGE, asked()).status_code == 302
    assert [shard.last_bucket for shard in Shard.objects.order_by("id")] == [63, 127, 191, 255]
    entry, row = Ledger.objects.get(), Operation.objects.get()
    assert (entry.who, entry.verb, entry.reason, entry.before) == ("mara", "reshard", "INC-7", "1 shards")
    assert (row.state, row.done, row.planned, row.ledger_id) == ("done", 4, 4, entry.pk)
    client.post(PAGE, asked(1))
    assert Shard.objects.count() == 1


@pytest.mark.parametrize("given", [asked(0), asked(257), asked(reason="")], ids=str)
def test_what_makes_no_sense_is_an_error_of_the_form(staff: Staff, given: dict[str, Any]) -> None:
    client = staff(*MAY)
    assert "errorlist" in client.get(PAGE, given).content.decode()
    assert "errorlist" in client.post(PAGE, given).content.decode()
    assert Shard.objects.count() == 1


@pytest.fixture
def backlog(staff: Staff, log: Log, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Two shards, and more unpublished events than a merge renumbers; a window of somebody who may."""
    monkeypatch.setattr("outbox.admin.resharding.MOST", 5)
    client = staff(*MAY, "view_operation")
    client.post(PAGE, asked(2))
    log.fill(6, first_xid=10)
    return client


def test_a_merge_waits_until_few_events_are_left_to_publish(backlog: Client, log: Log) -> None:
    page = backlog.get(PAGE, asked(1)).content.decode()
    assert ("6 events, not published yet, are renumbered" in page, "It waits" in page) == (True, True)
    answer = backlog.post(PAGE, asked(1))
    row = Operation.objects.get(state="running")
    assert answer["Location"] == f"/admin/outbox/operation/{row.pk}/change/"
    page = backlog.get(answer["Location"]).content.decode()
    assert "It waits for the relays: 6 events are not published yet." in page
    assert Shard.objects.count() == 2
    assert f"outbox_operations {row.pk} --cancel" in backlog.get(PAGE, asked(4)).content.decode()
    OutboxEvent.objects.filter(pk=OutboxEvent.objects.order_by("-pk")[0].pk).delete()
    Operation.objects.filter(pk=row.pk).update(due_at=Now())
    assert OutsideWork(operations, "default", requests.name()).carry() is not None
    row.refresh_from_db()
    assert (row.state, row.done, row.events, Shard.objects.count()) == ("done", 1, 5, 1)
    entry = Ledger.objects.get(scope="into 1 shards")
    assert (row.ledger_id, entry.outcome, entry.count, entry.who) == (entry.pk, "done", 1, "mara")


def test_one_that_waits_can_be_cancelled(backlog: Client) -> None:
    backlog.post(PAGE, asked(1))
    row = Operation.objects.get(state="running")
    backlog.post(f"/admin/outbox/operation/{row.pk}/cancel/")
    OutboxEvent.objects.all().delete()
    assert OutsideWork(operations, "default", requests.name()).carry() is None
    assert (Operation.objects.get(pk=row.pk).state, Shard.objects.count()) == ("cancelled", 2)


def test_what_is_cancelled_in_the_last_moment_is_not_done(
    backlog: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog.post(PAGE, asked(1))
    row = Operation.objects.get(state="running")
    OutboxEvent.objects.all().delete()
    Operation.objects.filter(pk=row.pk).update(due_at=Now())
    work = RESHARD.work

    def late(taken: Any, using: str) -> Any:
        operations.cancel(using, taken.pk, "mara")
        return work(taken, using)

    monkeypatch.setattr(RESHARD, "work", late)
    OutsideWork(operations, "default", requests.name()).carry()
    assert (Operation.objects.get(pk=row.pk).state, Shard.objects.count()) == ("cancelled", 2)
    assert not Ledger.objects.filter(scope="into 1 shards").exists()
    assert set(Shard.objects.values_list("owner", flat=True)) == {None}


def test_a_merge_of_a_long_log_is_left_to_a_relay(
    staff: Staff, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = staff(*MAY)
    client.post(PAGE, asked(2))
    log.fill(6, first_xid=10)
    monkeypatch.setattr("outbox.admin.resharding.AT_ONCE", 4)
    assert client.post(PAGE, asked(1))["Location"] == STATUS
    assert Shard.objects.count() == 2
    with OutsideCarrier(operations, "default", "relay") as relay:
        relay.notice()
        wait_until(lambda: Shard.objects.count() == 1, 30.0, "a relay has merged them")


def test_a_preview_waits_for_no_count(backlog: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outbox.operations.resharding.in_time", lambda using, read: None)
    page = backlog.get(PAGE, asked(1)).content.decode()
    assert ("very many events that are not published" in page, "It waits" in page) == (True, True)


def test_the_command_merges_at_once_or_waits_and_continues(backlog: Client) -> None:
    backlog.post(PAGE, asked(1))
    row = Operation.objects.get(state="running")
    with pytest.raises(CommandError, match=f"outbox_operations {row.pk} --cancel"):
        call_command("outbox_shards", "4", verbosity=0)
    operations.pause("default", row.pk, "mara")
    OutboxEvent.objects.all().delete()
    out = StringIO()
    call_command("outbox_shards", "1", "--wait", verbosity=0, stdout=out)
    assert out.getvalue().splitlines()[0] == f"Continuing operation {row.pk}."
    assert (Operation.objects.get(pk=row.pk).state, Shard.objects.count()) == ("done", 1)


def test_the_command_does_at_once_what_the_page_waits_with(backlog: Client) -> None:
    backlog.post(PAGE, asked(1))
    row, out = Operation.objects.get(state="running"), StringIO()
    call_command("outbox_shards", "1", stdout=out, stderr=StringIO())
    assert out.getvalue().splitlines()[0] == f"Cancelled operation {row.pk}, which waits."
    assert (Operation.objects.get(pk=row.pk).state, Shard.objects.count()) == ("cancelled", 1)


def test_it_takes_its_permission_and_a_token_and_few_queries(staff: Staff) -> None:
    client = staff("view_outboxstatus", "pause_topic")
    assert PAGE not in client.get(STATUS).content.decode()
    assert (client.get(PAGE).status_code, client.post(PAGE, asked()).status_code) == (403, 403)
    assert Shard.objects.count() == 1


def test_who_may_is_led_there_and_needs_a_token(staff: Staff) -> None:
    client = staff(*MAY)
    assert PAGE in client.get(STATUS).content.decode()
    with CaptureQueriesContext(connection) as queries:
        client.get(PAGE)
    assert len(queries) <= 12
    client.handler.enforce_csrf_checks = True
    assert client.post(PAGE, asked()).status_code == 403
    assert Shard.objects.count() == 1
