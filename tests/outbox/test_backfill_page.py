"""The page that begins a backfill: what it shows before, who may, and how far the operation is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from outbox.models import Ledger, Operation
from outbox.operations.backfill import run
from outbox.operations.bulk import operations
from outbox.testing import CapturedEvents
from tests.admin.conftest import staff
from tests.outbox.backfills import NO_RELAY, fails_for, parcels, receiver, refuse
from tests.outbox.hearing import keys
from tests.testapp.models import Parcel

__all__ = ["staff"]
pytestmark = pytest.mark.django_db
LIST = "/admin/outbox/operation/"
PAGE = f"{LIST}backfill/"
MAY = ("view_operation", "backfill_event")
Staff = Callable[..., Client]


@pytest.fixture(autouse=True)
def no_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that earlier tests left wait for no relay; a backfill would wait for them."""
    monkeypatch.setattr(run, "MAX_AGE", NO_RELAY["max_pending_age"])


def asked(**values: Any) -> dict[str, Any]:
    return {"model": "testapp.Parcel", "rate": "10000", "reason": "INC-7", **values}


def test_a_preview_counts_shows_the_first_events_and_changes_nothing(
    outbox_events: CapturedEvents, staff: Staff
) -> None:
    pks = parcels(12)
    receiver()
    page = staff(*MAY).get(PAGE, asked(first=str(pks[1]))).content.decode()
    assert "Write events for 11 rows" in page
    assert f"pk__gte={pks[1]}" in page
    assert (page.count(" of test.notes"), f"Row {pks[0]}:" in page) == (10, False)
    assert (len(outbox_events), Operation.objects.exists()) == (0, False)


def test_a_relay_carries_it_out_and_the_page_shows_how_far_it_is(
    outbox_events: CapturedEvents, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    pks = parcels(7)
    receiver()
    client = staff(*MAY)
    monkeypatch.setattr("outbox_core.operations.bulk.operations.FIRST_CHUNK", 4)
    answer = client.post(PAGE, asked(last=str(pks[5])))
    row = Operation.objects.get()
    assert answer["Location"] == f"{LIST}{row.pk}/change/"
    assert (row.planned, row.who, row.reason, row.rate) == (6, "mara", "INC-7", 10_000)
    assert operations.carry("default", "relay")
    text = client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert ("4 of 6 done" in text, f"It has come to row {pks[3]}." in text) == (True, True)
    Operation.objects.update(rate=None)
    while operations.carry("default", "relay", only=row.pk):
        pass
    text = client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "Wrote 6 events for 6 rows." in text
    assert keys(outbox_events) == [str(pk) for pk in pks[:6]]
    entry = Ledger.objects.get(verb="backfill")
    assert (entry.who, entry.reason, entry.count, entry.outcome) == ("mara", "INC-7", 6, "done")


def test_failures_are_shown_to_those_who_may_see_payloads(
    outbox_events: CapturedEvents, staff: Staff
) -> None:
    pks = parcels(2)
    fails_for(pks[0], refuse)
    client = staff(*MAY)
    assert "no such customer" not in client.get(PAGE, asked()).content.decode()
    client.post(PAGE, asked(skip_failing="on"))
    row = Operation.objects.get()
    while operations.carry("default", "relay", only=row.pk):
        pass
    page = f"{LIST}{row.pk}/change/"
    assert "1 row, because a receiver failed" in client.get(page).content.decode()
    assert "no such customer" not in client.get(page).content.decode()
    User.objects.all().delete()
    assert "no such customer" in staff(*MAY, "view_payload").get(page).content.decode()


def test_the_error_of_a_row_is_shown_to_those_who_may_see_payloads(
    outbox_events: CapturedEvents, staff: Staff
) -> None:
    pks = parcels(1)
    fails_for(pks[0], refuse)
    client = staff(*MAY, "view_outboxstatus")
    client.post(PAGE, asked())
    row = Operation.objects.get()
    operations.carry("default", "relay", only=row.pk)
    for page in (LIST, f"{LIST}{row.pk}/change/", "/admin/outbox/outboxstatus/"):
        text = client.get(page).content.decode()
        assert ("RowFailed" in text, "no such customer" in text) == (True, False)
    User.objects.all().delete()
    page = staff(*MAY, "view_payload").get(f"{LIST}{row.pk}/change/").content.decode()
    assert "no such customer" in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": ""}, "This field is required"),
        ({"rate": "0"}, "greater than or equal to 1"),
        ({"model": "testapp.Tag"}, "Select a valid choice"),
        ({"first": "many"}, "pk__gte=many"),
        ({"first": "999999999"}, "No row of testapp.Parcel matches"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_an_error_of_the_form(staff: Staff, given: dict[str, str], said: str) -> None:
    parcels(1)
    receiver()
    client = staff(*MAY)
    assert said in client.get(PAGE, asked(**given)).content.decode()
    assert said in client.post(PAGE, asked(**given)).content.decode()
    assert not Operation.objects.exists()


def test_one_that_is_not_complete_is_not_begun_again(staff: Staff) -> None:
    parcels(1)
    receiver()
    client = staff(*MAY)
    client.post(PAGE, asked())
    assert "does this already" in client.post(PAGE, asked()).content.decode()
    assert Operation.objects.count() == 1


def test_it_takes_its_permission_and_a_token(staff: Staff) -> None:
    parcels(1)
    receiver()
    client = staff("view_operation", "replay_event")
    assert PAGE not in client.get(LIST).content.decode()
    assert (client.get(PAGE).status_code, client.post(PAGE, asked()).status_code) == (403, 403)
    User.objects.all().delete()
    may = staff(*MAY)
    assert PAGE in may.get(LIST).content.decode()
    may.handler.enforce_csrf_checks = True
    assert may.post(PAGE, asked()).status_code == 403
    assert not Operation.objects.exists()


def test_the_page_takes_few_queries(staff: Staff) -> None:
    parcels(30)
    receiver()
    client = staff(*MAY)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(PAGE, asked()).status_code == 200
    of_test = sum("SAVEPOINT" in each["sql"] for each in queries)  # because it is a transaction itself
    assert len(queries) - of_test <= 12
    assert Parcel.objects.count() == 30
