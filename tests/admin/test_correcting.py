"""An event is corrected on its page: a new event, the changes in the ledger, and who may do so."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from unittest import mock
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from django.contrib.auth.models import Permission, User
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

import outbox
from outbox.models import Ledger, OutboxEvent
from outbox.write.registry import registry
from outbox_core.operations.ledger import LedgerQuerySet
from outbox_core.people.redaction import HIDDEN
from tests.admin.conftest import Log, Staff
from tests.admin.test_event_actions import address

MAY = ("view_outboxevent", "view_payload", "replay_event")
NOTE = '{"about": "k", "text": "wrong"}'
RIGHT = '{"about": "k", "text": "right"}'


def published(log: Log, payload: str = NOTE, **values: Any) -> OutboxEvent:
    event = log.insert(1, payload=payload.encode(), **values)
    log.position("9:9:")
    return OutboxEvent.objects.get(pk=event)


def form(client: Client, event: OutboxEvent) -> dict[str, str]:
    """What the page asks for, as it is at first."""
    shown = client.get(address(event.pk, "correct")).context["form"]
    return {name: str(shown[name].value() or "") for name in shown.fields}


def send(client: Client, event: OutboxEvent, payload: str, **more: str) -> str:
    """The page behind the form: that of the event, or the form with an error."""
    answer = client.post(
        address(event.pk, "correct"), {**form(client, event), "payload": payload, **more}, follow=True
    )
    return answer.content.decode()


def newest(event: OutboxEvent) -> OutboxEvent:
    return OutboxEvent.objects.filter(pk__gt=event.pk).get()


def nothing_is_written(event: OutboxEvent) -> bool:
    return not OutboxEvent.objects.filter(pk__gt=event.pk).exists() and not Ledger.objects.exists()


def test_a_new_event_has_the_corrected_payload_and_the_old_one_as_its_cause(log: Log, staff: Staff) -> None:
    old, client = published(log), staff(*MAY)
    assert (
        reverse("admin:outbox_outboxevent_correct", args=[old.pk])
        in client.get(address(old.pk, "change")).content.decode()
    )
    page = send(client, old, RIGHT, reason="INC-1")
    new = newest(old)
    assert json.loads(bytes(new.payload or b"")) == json.loads(RIGHT)
    assert str(new.event_id) in page
    for name in ("topic", "key", "type", "bucket", "content_type"):
        assert getattr(new, name) == getattr(old, name), name
    assert new.event_id != old.event_id
    assert (new.headers["causationid"], new.headers["correlationid"]) == (str(old.event_id), "req-1")
    assert bytes(OutboxEvent.objects.get(pk=old.pk).payload or b"") == NOTE.encode()


def test_the_ledger_keeps_the_changes_for_those_who_may_see_payloads(log: Log, staff: Staff) -> None:
    old, client = published(log), staff(*MAY, "view_ledger")
    send(client, old, RIGHT, reason="INC-1")
    entry, new = Ledger.objects.get(), newest(old)
    assert (entry.who, entry.verb, entry.count, entry.reason) == ("mara", "correct", 1, "INC-1")
    assert entry.changes == {"$.text": '"wrong" → "right"'}
    assert entry.selection["event"] == [str(old.event_id), str(new.event_id)]
    for event in (old, new):
        assert "INC-1" in client.get(address(event.pk, "change")).content.decode()
    page = reverse("admin:outbox_ledger_change", args=[entry.pk])
    assert "$.text" in client.get(page).content.decode()
    User.objects.get(username="mara").user_permissions.remove(
        Permission.objects.get(codename="view_payload", content_type__app_label="outbox")
    )
    shown = client.get(page).content.decode()
    assert "INC-1" in shown
    assert "wrong" not in shown
    assert "$.text" not in shown
    exported = client.get(reverse("admin:outbox_ledger_export", args=["json"]))
    assert b"wrong" not in b"".join(exported)


@pytest.mark.parametrize("missing", MAY)
def test_each_of_the_permissions_is_needed(log: Log, staff: Staff, missing: str) -> None:
    old, client = published(log), staff(*(name for name in MAY if name != missing))
    page = address(old.pk, "correct")
    assert client.get(page).status_code == 403
    assert client.post(page, {"payload": RIGHT, "ticket": "x"}).status_code == 403
    if missing != "view_outboxevent":
        assert page not in client.get(address(old.pk, "change")).content.decode()
    assert nothing_is_written(old)


def test_nothing_is_written_by_get_or_without_a_token(log: Log, staff: Staff) -> None:
    old, client = published(log), staff(*MAY)
    given = {**form(client, old), "payload": RIGHT}
    client.get(address(old.pk, "correct"), given)
    client.handler.enforce_csrf_checks = True
    assert client.post(address(old.pk, "correct"), given).status_code == 403
    assert nothing_is_written(old)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("{", "no JSON"),
        ('{"about": "k", "about": "k"}', "no JSON"),
        ('{"about": "k", "text": NaN}', "no JSON"),
        ('{"text": "no key"}', "about"),
        ('{"about": "k", "text": 5}', "str"),
        ('{"about": "k", "txet": "right"}', "no field for $.txet"),
        ('{"about": "other", "text": "right"}', "change the key"),
        ('{"about": "k",   "text": "wrong"}', "Nothing is changed"),
        ("null", "test.note"),
    ],
)
def test_what_the_type_does_not_allow_is_an_error_and_nothing_is_written(
    log: Log, admin_client: Client, payload: str, said: str
) -> None:
    old = published(log)
    page = send(admin_client, old, payload)
    assert "errorlist" in page
    assert said in page
    assert nothing_is_written(old)


def test_it_is_written_as_its_type_writes_it(log: Log, admin_client: Client) -> None:
    """With the version and attributes of the class, and what the old event had besides."""
    old = published(
        log, '{"parcel_id":7,"code":"a","weight":1,"created":true}', type="test.parcel.saved", key="7"
    )
    OutboxEvent.objects.filter(pk=old.pk).update(headers={"tenant": "t1", "replay": "r1", "actor": "4"})
    send(admin_client, old, '{"parcel_id": 7, "code": "b"}')
    new = newest(old)
    assert bytes(new.payload or b"") == b'{"parcel_id":7,"code":"b","weight":0,"created":false}'
    assert (new.subject, new.topic) == ("b", "test.notes")
    assert new.headers.items() >= {"tenant": "t1", "dataversion": "2"}.items()
    assert "replay" not in new.headers
    assert new.headers.get("actor") != "4"
    assert set(Ledger.objects.get().changes or {}) == {"$.code", "$.weight", "$.created"}


@dataclasses.dataclass(frozen=True)
class OfDataclass:
    about: UUID
    total: Annotated[Decimal, outbox.Places(2)]
    at: datetime | None = None


class OfStruct(msgspec.Struct, frozen=True):
    about: UUID
    total: Annotated[Decimal, outbox.Places(2)]
    at: datetime | None = None


@attrs.frozen
class OfAttrs:
    about: UUID
    total: Annotated[Decimal, outbox.Places(2)]
    at: datetime | None = None


class OfPydantic(pydantic.BaseModel):
    about: UUID
    total: Annotated[Decimal, outbox.Places(2)]
    at: datetime | None = None


@pytest.mark.parametrize("cls", [OfDataclass, OfStruct, OfAttrs, OfPydantic])
def test_events_of_every_kind_of_class_can_be_corrected(log: Log, admin_client: Client, cls: type) -> None:
    key = "0191d2c0-7d3e-7000-8000-000000000001"
    text = '{{"about":"{}","total":"{}","at":"2026-01-31T12:00:00.000001Z"}}'
    outbox.event("test.kind", topic="test.kinds", key="about")(cls)
    try:
        old = published(log, text.format(key, "1.10"), type="test.kind", key=key)
        assert "errorlist" in send(admin_client, old, text.format(key, "secret1"))
        assert "errorlist" in send(admin_client, old, '{"about":"x"}')
        assert nothing_is_written(old)
        send(admin_client, old, text.format(key, "1.2"))
    finally:
        registry.remove(cls)
    assert bytes(newest(old).payload or b"").decode() == text.format(key, "1.20")
    assert Ledger.objects.get().changes == {"$.total": '"1.10" → "1.20"'}


def test_of_a_type_that_is_not_registered_the_json_is_taken_as_it_is(log: Log, admin_client: Client) -> None:
    old = published(log, '{"total": 1.10, "id": 12345678901234567890123}', type="old.thing")
    send(admin_client, old, '{"total": 1.20, "id": 12345678901234567890123}')
    new = newest(old)
    assert bytes(new.payload or b"") == b'{"total":1.20,"id":12345678901234567890123}'
    assert (new.type, new.key, new.headers["causationid"]) == ("old.thing", "k", str(old.event_id))
    assert Ledger.objects.get().changes == {"$.total": "1.10 → 1.20"}


def test_secrets_are_not_shown_and_stay_in_the_event(log: Log, admin_client: Client) -> None:
    old = published(log, '{"password": "hunter2", "note": ""}', type="old.thing")
    page = admin_client.get(address(old.pk, "correct")).content.decode()
    assert "hunter2" not in page
    send(admin_client, old, f'{{"password": "{HIDDEN} 1", "note": "x"}}')
    new = newest(old)
    assert json.loads(bytes(new.payload or b"")) == {"password": "hunter2", "note": "x"}
    assert Ledger.objects.get().changes == {"$.note": '"" → "x"'}
    stolen = send(admin_client, old, f'{{"note": "{HIDDEN} 1"}}')
    assert "would not be hidden" in stolen
    assert "hunter2" not in stolen


def test_a_form_that_is_sent_twice_writes_one_event(log: Log, admin_client: Client) -> None:
    old = published(log)
    given = {**form(admin_client, old), "payload": RIGHT}
    first, second = (admin_client.post(address(old.pk, "correct"), given) for _ in range(2))
    assert (first.status_code, second.status_code) == (302, 200)
    assert "sent before" in second.content.decode()
    assert newest(old)
    assert Ledger.objects.count() == 1


def test_a_ticket_of_another_event_or_of_a_stranger_is_refused(log: Log, admin_client: Client) -> None:
    old, other = published(log), published(log)
    ticket = form(admin_client, old)["ticket"]
    for made_up in (ticket, f"{other.event_id}/{old.event_id}:x", "x"):
        page = send(admin_client, other, RIGHT, ticket=made_up)
        assert "Open the page again" in page
    assert nothing_is_written(other)


def test_an_event_without_its_entry_is_not_written(log: Log, admin_client: Client) -> None:
    old = published(log)
    given = {**form(admin_client, old), "payload": RIGHT}
    with (
        mock.patch.object(LedgerQuerySet, "create", side_effect=DatabaseError("disk full")),
        pytest.raises(DatabaseError),
    ):
        admin_client.post(address(old.pk, "correct"), given)
    assert nothing_is_written(old)


def test_what_is_still_to_be_published_or_has_no_json_is_not_corrected(
    log: Log, admin_client: Client
) -> None:
    pending, held, discarded = log.insert(50), log.insert(1), log.insert(1, payload=NOTE.encode())
    tombstone, form_data = (
        log.insert(1, payload=None),
        log.insert(1, content_type="application/x-www-form-urlencoded"),
    )
    broken = log.insert(1, payload=b"{")
    log.position("9:9:")
    log.hold(held)
    log.hold(discarded, key="d")
    log.discard(discarded)
    codes = [
        admin_client.get(address(event, "correct")).status_code
        for event in (pending, held, tombstone, form_data, broken, discarded)
    ]
    assert codes == [404, 404, 404, 404, 302, 200]
    assert (
        "cannot be corrected here"
        in admin_client.get(address(broken, "correct"), follow=True).content.decode()
    )


def test_markup_in_a_payload_is_text(log: Log, admin_client: Client) -> None:
    old = published(log, '{"about": "k", "text": "</textarea><script>alert(1)</script>"}')
    assert "<script>alert" not in admin_client.get(address(old.pk, "correct")).content.decode()
    assert "<script>alert" not in send(admin_client, old, '{"about": "</textarea><script>alert(1)</script>"}')
