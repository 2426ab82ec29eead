"""The admin of the inbox."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from inbox.models import Ledger, Parked
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps

LIST = "/admin/inbox/parked/"


@pytest.fixture
def parked(consumer: MemoryConsumer, effects: Effects) -> list[Parked]:
    effects.fails["<poison>"] = raising(ValueError("<b>bold</b>"))
    send_steps(consumer, "a", 1, fail="<poison>")
    send_steps(consumer, "a", 2)
    consumer.log.append("test", key=None, value=b"\xff\x00", headers=[("ce_h", b"\xfe")])
    consumer.log.append("test", key=None, value=None)
    consumer.drain()
    consumer.consumer.tick()
    return list(Parked.objects.waiting())


def viewer(*permissions: str) -> Client:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_parked", *permissions)))
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, action: str, rows: list[Parked], **data: str) -> str:
    values = {"action": action, "_selected_action": [row.pk for row in rows], **data}
    return client.post(LIST, values, follow=True).content.decode()


def test_list_says_what_and_why(admin_client: Client, parked: list[Parked]) -> None:
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
    parked: list[Parked],
    django_assert_max_num_queries: object,
) -> None:
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        admin_client.get(LIST)


def test_payload_is_a_permission_of_its_own(parked: list[Parked]) -> None:
    detail = f"{LIST}{parked[0].pk}/change/"
    client = viewer()
    assert "&lt;poison&gt;" not in client.get(detail).content.decode()
    User.objects.get().user_permissions.add(
        Permission.objects.get(codename="view_payload", content_type__app_label="inbox")
    )
    page = client.get(detail).content.decode()
    assert "&lt;poison&gt;" in page
    assert "ce_type" in page


def test_any_record_can_be_looked_at(admin_client: Client, parked: list[Parked]) -> None:
    pages = [admin_client.get(f"{LIST}{row.pk}/change/").content.decode() for row in parked]
    assert "ff 00" in pages[2]
    assert "a tombstone" in pages[3]


def test_release_is_in_the_ledger(
    admin_client: Client, consumer: MemoryConsumer, effects: Effects, parked: list[Parked]
) -> None:
    effects.fails.clear()
    assert "Released 2 events" in act(admin_client, "release", parked[:1])
    consumer.take_up()
    assert effects.of("a") == [1, 2]
    entry = Ledger.objects.get()
    assert (entry.who, entry.verb, entry.count) == ("admin", "release", 2)


def test_discard_needs_a_reason(admin_client: Client, parked: list[Parked]) -> None:
    assert "needs a reason" in act(admin_client, "discard", parked[2:], reason=" ")
    assert Parked.objects.waiting().count() == 4
    assert "Discarded 2 events" in act(admin_client, "discard", parked[2:], reason="not ours")
    assert (Ledger.objects.get().count, Ledger.objects.get().reason) == (2, "not ours")
    assert Parked.objects.filter(discarded_by="admin", discard_reason="not ours").count() == 2
    assert "discarded by admin" in admin_client.get(f"{LIST}?discarded_at__isempty=0").content.decode()


def test_viewer_cannot_act(parked: list[Parked]) -> None:
    act(viewer(), "release", parked)
    assert not Parked.objects.exclude(requeued_at=None).exists()


def test_instances_are_listed(admin_client: Client, parked: list[Parked]) -> None:
    page = admin_client.get("/admin/inbox/instance/").content.decode()
    assert "running" in page
