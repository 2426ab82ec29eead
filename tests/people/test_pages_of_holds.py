"""What the pages of failure groups, holds and events do with many events, and what the ledger keeps."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from outbox.models import Held, Hold, Ledger, Operation
from outbox_core.operations.bulk.selection import Selection
from tests.people.orders import carry, do, due


def test_the_status_page_begins_what_takes_longer_than_a_request(
    holds: list[Hold], admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox_core.operations.bulk.requests.SECONDS", 0.0)
    page = "/admin/outbox/outboxstatus/release/"
    answer = admin_client.post(
        page, {"cause": "poison", "topic": "test.notes", "type": "test.note"}, follow=True
    )
    said = " ".join(map(str, answer.context["messages"]))
    row = Operation.objects.get()
    assert said == f"Released 10 of 20 holds so far. Operation {row.pk} does the rest."
    assert (due(), row.who) == (10, "root")
    assert (carry(row.pk).done, due()) == (20, 20)


def test_a_failure_group_is_discarded_after_a_question_and_with_a_reason(
    holds: list[Hold], admin_client: Client
) -> None:
    page = "/admin/outbox/outboxstatus/discard/"
    group = {"cause": "topic-missing", "topic": "test.notes", "type": "test.note"}
    asked = admin_client.get(page, group).content.decode()
    assert "will never be published" in asked
    assert "csrfmiddlewaretoken" in asked
    admin_client.post(page, group)
    assert (Held.objects.waiting().count(), Ledger.objects.count()) == (25, 0)
    admin_client.post(page, group | {"reason": "sent twice"})
    assert Held.objects.waiting().count() == 20
    assert (Ledger.objects.get().verb, Ledger.objects.get().reason) == ("discard", "sent twice")
    gone = admin_client.get(page, group, follow=True)
    assert "nothing is held any more" in " ".join(map(str, gone.context["messages"]))


def test_holds_are_discarded_from_their_list_with_a_reason(
    holds: list[Hold],
    admin_client: Client,
) -> None:
    chosen: dict[str, Any] = {"action": "discard_selected", "_selected_action": [h.pk for h in holds[:3]]}
    admin_client.post("/admin/outbox/hold/", chosen)
    assert Held.objects.waiting().count() == 25
    admin_client.post("/admin/outbox/hold/", chosen | {"reason": "sent twice"})
    assert Held.objects.waiting().count() == 22
    assert (Ledger.objects.get().who, Ledger.objects.get().reason) == ("root", "sent twice")


def test_the_ledger_outlives_the_hold_and_is_on_the_page_of_the_event(
    holds: list[Hold],
    admin_client: Client,
) -> None:
    held = Held.objects.order_by("pk")[1]
    other = Held.objects.order_by("pk")[2]
    do("discard", Selection(ids=(held.event.event_id,)), reason="sent twice")
    do("discard", Selection(key="k3"), who="ole", reason="by key")
    Held.objects.update(hold=None)
    Hold.objects.all().delete()
    page = admin_client.get(f"/admin/outbox/outboxevent/{held.event_id}/change/").content.decode()
    assert "sent twice" in page
    assert "by key" not in page
    assert (
        "sent twice"
        not in admin_client.get(f"/admin/outbox/outboxevent/{other.event_id}/change/").content.decode()
    )
    ledger = admin_client.get("/admin/outbox/ledger/?verb__exact=discard&q=mara").content.decode()
    assert "sent twice" in ledger


def test_the_status_names_causes_with_counts_and_an_example(holds: list[Hold], admin_client: Client) -> None:
    page = admin_client.get("/admin/outbox/outboxstatus/").content.decode()
    assert page.count("Release…") == 2
    assert page.count("hold/") < 10
