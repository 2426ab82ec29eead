"""The admin of the inbox."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inbox.models import HeldEvent, Ledger
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps

LIST = "/admin/inbox/heldevent/"


@pytest.fixture
def held(consumer: MemoryConsumer, effects: Effects) -> list[HeldEvent]:
    effects.fails["<poison>"] = raising(ValueError("<b>bold</b>"))
    send_steps(consumer, "a", 1, fail="<poison>")
    send_steps(consumer, "a", 2)
    consumer.log.append("test", key=None, value=b"\xff\x00", headers=[("ce_h", b"\xfe")])
    consumer.log.append("test", key=None, value=None, headers=[("ce_type", b"x")])
    consumer.drain()
    consumer.consumer.tick()
    return list(HeldEvent.objects.waiting())


def viewer(*permissions: str) -> Client:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_heldevent", *permissions)))
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, action: str, rows: list[HeldEvent], **data: str) -> str:
    values = {"action": action, "_selected_action": [row.pk for row in rows], **data}
    return client.post(LIST, values, follow=True).content.decode()


def test_list_says_what_and_why(admin_client: Client, held: list[HeldEvent]) -> None:
    page = admin_client.get(LIST).content.decode()
    for text in (
        "ValueError: &lt;b&gt;bold&lt;/b&gt;",
        "held behind its key",
        "InvalidEvent: specversion is missing",
    ):
        assert text in page


def test_number_of_queries_does_not_grow(
    admin_client: Client,
    consumer: MemoryConsumer,
    held: list[HeldEvent],
    django_assert_max_num_queries: object,
) -> None:
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        admin_client.get(LIST)


def test_payload_is_a_permission_of_its_own(held: list[HeldEvent]) -> None:
    detail = f"{LIST}{held[0].pk}/change/"
    client = viewer()
    assert "&lt;poison&gt;" not in client.get(detail).content.decode()
    User.objects.get().user_permissions.add(
        Permission.objects.get(codename="view_payload", content_type__app_label="inbox")
    )
    page = client.get(detail).content.decode()
    assert "&lt;poison&gt;" in page
    assert "ce_type" in page


def test_any_record_can_be_looked_at(admin_client: Client, held: list[HeldEvent]) -> None:
    pages = [admin_client.get(f"{LIST}{row.pk}/change/").content.decode() for row in held]
    assert "ff 00" in pages[2]
    assert "a tombstone" in pages[3]


def test_release_is_in_the_ledger(
    admin_client: Client, consumer: MemoryConsumer, effects: Effects, held: list[HeldEvent]
) -> None:
    effects.fails.clear()
    assert "Released 2 events" in act(admin_client, "release", held[:1])
    consumer.retry()
    assert effects.of("a") == [1, 2]
    entry = Ledger.objects.by_people().get()
    assert (entry.who, entry.verb, entry.count) == ("admin", "release", 2)


def test_discard_needs_a_reason(admin_client: Client, held: list[HeldEvent]) -> None:
    assert "needs a reason" in act(admin_client, "discard", held[2:], reason=" ")
    assert HeldEvent.objects.waiting().count() == 4
    assert "Discarded 2 events" in act(admin_client, "discard", held[2:], reason="not ours")
    assert (Ledger.objects.by_people().get().count, Ledger.objects.by_people().get().reason) == (
        2,
        "not ours",
    )
    assert HeldEvent.objects.filter(discarded_by="admin", discard_reason="not ours").count() == 2
    assert "discarded by admin" in admin_client.get(f"{LIST}?discarded_at__isempty=0").content.decode()


def test_viewer_cannot_act(held: list[HeldEvent]) -> None:
    act(viewer(), "release", held)
    assert not HeldEvent.objects.exclude(released_at=None).exists()


def test_instances_are_listed(admin_client: Client, held: list[HeldEvent]) -> None:
    page = admin_client.get("/admin/inbox/instance/").content.decode()
    assert "running" in page


def test_list_reads_no_records(admin_client: Client, held: list[HeldEvent]) -> None:
    """A page of fifty may have fifty megabytes of them."""
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(LIST)
    assert [query["sql"] for query in queries if '"record"' in query["sql"]] == []


def test_filters_offer_the_values_of_the_oldest_events_and_take_any(
    admin_client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take no longer where millions are held."""
    monkeypatch.setattr("inbox.admin.held.OLDEST", 2)
    for number, topic in enumerate(("topic-a", "topic-b", "topic-c")):
        row = {"topic": topic, "type": f"type-{number}", "partition": 0, "offset": number, "record": b""}
        HeldEvent.objects.create(consumer="c", event_id=str(number), error="E: x", **row)
    page = admin_client.get(LIST, {"type": "type-2"}).content.decode()
    assert ("?topic=topic-b" in page, "?topic=topic-c" in page) == (True, False)
    assert ("topic-c" in page, "E: x" in page) == (True, True), "the one event of this type is listed"
    assert 'field-topic">topic-a<' not in page
