"""The page that divides the log among another number of shards."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from outbox.models import Ledger, Shard
from tests.admin.conftest import Log, Staff

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
    entry = Ledger.objects.get()
    assert (entry.who, entry.verb, entry.reason, entry.before) == ("mara", "reshard", "INC-7", "1 shards")
    client.post(PAGE, asked(1))
    assert Shard.objects.count() == 1


@pytest.mark.parametrize("given", [asked(0), asked(257), asked(reason="")], ids=str)
def test_what_makes_no_sense_is_an_error_of_the_form(staff: Staff, given: dict[str, Any]) -> None:
    client = staff(*MAY)
    assert "errorlist" in client.get(PAGE, given).content.decode()
    assert "errorlist" in client.post(PAGE, given).content.decode()
    assert Shard.objects.count() == 1


def test_a_merge_of_a_long_backlog_is_left_to_the_command(
    staff: Staff, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox.admin.resharding.MOST", 5)
    client = staff(*MAY)
    client.post(PAGE, asked(2))
    log.fill(6, first_xid=10)
    for answer in (client.get(PAGE, asked(1)), client.post(PAGE, asked(1))):
        assert "manage.py outbox_shards 1" in answer.content.decode()
    assert Shard.objects.count() == 2


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
