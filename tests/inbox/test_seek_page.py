"""The page that moves a consumer: what it shows before, who may, and that what was shown is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inbox.models import InboxStatus, Ledger, Operation
from inbox.operations.bulk import operations
from tests.inbox.conftest import without_lag
from tests.inbox.operators import alive
from tests.inbox.seeks import offsets, request
from tests.inbox.topics import KafkaTopic
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
STATUS = "/admin/inbox/inboxstatus/"
PAGE = f"{STATUS}seek/"
MAY = ("view_inboxstatus", "seek_consumer", "view_operation")


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    """A client of somebody with these permissions of the inbox."""

    def make(*permissions: str, csrf: bool = False) -> Client:
        user = User.objects.create_user("mara", is_staff=True)
        granted = Permission.objects.filter(content_type__app_label="inbox", codename__in=permissions)
        user.user_permissions.set(granted)
        client = Client(enforce_csrf_checks=csrf)
        client.force_login(user)
        return client

    return make


def asked(log: KafkaTopic, **values: Any) -> dict[str, Any]:
    return {"topic": f"c|{log.topic}", "place": "end", "reason": "INC-7", **values}


def test_what_the_preview_shows_is_done(
    half_read: KafkaTopic, kafka_bootstrap: str, staff: Callable[..., Client]
) -> None:
    client = staff(*MAY)
    page = client.get(PAGE, asked(half_read))
    [move] = page.context["preview"]["moves"]
    assert (move.stands, move.goes, move.skipped) == (3, 6, 3)
    text = page.content.decode()
    assert ("are never handled" in text, "It is moved at once" in text) == (True, True)
    assert not Operation.objects.exists()
    half_read.write(b"between the preview and the button")
    confirmed = page.context["preview"]["confirmed"]
    answer = client.post(PAGE, asked(half_read, confirmed=confirmed))
    row = Operation.objects.get()
    assert answer["Location"] == f"/admin/inbox/operation/{row.pk}/change/"
    assert (row.state, offsets(half_read, kafka_bootstrap)) == ("done", (6, 6))
    entry = Ledger.objects.by_people().get()
    assert (entry.who, entry.verb, entry.reason, entry.before) == (
        "mara",
        "seek",
        "INC-7",
        "partition 0 at 3",
    )


def test_while_it_runs_its_processes_are_asked(
    half_read: KafkaTopic, kafka_bootstrap: str, staff: Callable[..., Client]
) -> None:
    process = alive("c")
    client = staff(*MAY)
    page = client.get(PAGE, asked(half_read, place="beginning"))
    text = page.content.decode()
    assert ("at the next heartbeat" in text, "each effect still happens once" in text) == (True, True)
    client.post(PAGE, asked(half_read, confirmed="0:0"))
    row = Operation.objects.get()
    assert (row.state, offsets(half_read, kafka_bootstrap)) == ("running", (3, 3))
    text = client.get(f"/admin/inbox/operation/{row.pk}/change/").content.decode()
    assert "with their next heartbeat" in text
    process.delete()
    wait_until(lambda: operations.carry("default", "a test", only=row.pk), 10, "it is carried out")
    assert offsets(half_read, kafka_bootstrap) == (0, 0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": ""}, "This field is required"),
        ({"place": "offset"}, "choose another place"),
        ({"place": "time"}, "choose another place"),
        ({"place": "offset", "offset": "9"}, "has offsets 0 to 6"),
        ({"partition": "4"}, "There is no partition 4"),
        ({"topic": "c|another"}, "Select a valid choice"),
        ({"confirmed": "0:9"}, "has offsets 0 to 6"),
        ({"confirmed": "zero"}, "Enter a valid value"),
    ],
    ids=lambda value: str(value),
)
def test_what_cannot_be_is_an_error_of_the_form(
    half_read: KafkaTopic, staff: Callable[..., Client], given: dict[str, str], said: str
) -> None:
    client = staff(*MAY)
    for answer in (client.get(PAGE, asked(half_read, **given)), client.post(PAGE, asked(half_read, **given))):
        assert answer.context["preview"] is None
    assert said in client.get(PAGE, asked(half_read, **given)).content.decode() or "confirmed" in given
    assert not Operation.objects.exists()


def test_a_second_request_for_a_partition_is_refused(
    half_read: KafkaTopic, staff: Callable[..., Client]
) -> None:
    request({0: 1}, consumer="c", topic=half_read.topic)
    answer = staff(*MAY).post(PAGE, asked(half_read, confirmed="0:6"))
    assert "already" in answer.content.decode()
    assert Operation.objects.count() == 1


def test_kafka_that_does_not_answer_is_an_error_of_the_form(
    half_read: KafkaTopic, staff: Callable[..., Client], settings: Any
) -> None:
    settings.INBOX = {**settings.INBOX, "KAFKA": {"OPTIONS": {"bootstrap_servers": "127.0.0.1:1"}}}
    answer = staff(*MAY).get(PAGE, asked(half_read))
    assert (answer.status_code, "127.0.0.1:1" in answer.content.decode()) == (200, True)


def test_it_takes_its_permission_and_a_token(
    half_read: KafkaTopic, staff: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(admin.site.get_model_admin(InboxStatus)), "_lag", without_lag())
    client = staff("view_inboxstatus", "view_operation", "pause_consumer")
    assert PAGE not in client.get(STATUS).content.decode()
    for answer in (client.get(PAGE), client.post(PAGE, asked(half_read, confirmed="0:6"))):
        assert answer.status_code == 403
    row = request({0: 6}, consumer="c", topic=half_read.topic)
    for change in ("pause", "cancel"):
        assert client.post(f"/admin/inbox/operation/{row.pk}/{change}/").status_code == 403
    User.objects.all().delete()
    strict = staff(*MAY, csrf=True)
    assert PAGE in strict.get(STATUS).content.decode()
    assert strict.post(PAGE, asked(half_read, confirmed="0:6")).status_code == 403
    assert Operation.objects.count() == 1


def test_the_page_takes_few_queries(half_read: KafkaTopic, staff: Callable[..., Client]) -> None:
    client = staff(*MAY)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(PAGE, asked(half_read)).status_code == 200
    assert len(queries) <= 12
