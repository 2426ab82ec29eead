"""The pages of operations: preview, begin, pause, resume, cancel, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from outbox.models import Hold, Ledger, Operation
from tests.admin.conftest import Log, Staff
from tests.people.orders import begun, carry

LIST = "/admin/outbox/operation/"
NEW = f"{LIST}new/"
STATUS = "/admin/outbox/outboxstatus/"
RELEASE: dict[str, Any] = {"verb": "release", "topic": "test.notes"}
OF_VERB = {"release": "release_hold", "discard": "discard_held", "replay": "replay_event"}


@pytest.fixture
def holds(log: Log, monkeypatch: pytest.MonkeyPatch) -> list[Hold]:
    """Twelve holds, of which a chunk takes five and a request one chunk."""
    monkeypatch.setattr("outbox_core.operations.bulk.operations.FIRST_CHUNK", 5)
    monkeypatch.setattr("outbox_core.operations.bulk.operations.next_size", lambda size, seconds: size)
    monkeypatch.setattr("outbox_core.operations.bulk.requests.PAGE", 4)
    monkeypatch.setattr("outbox_core.operations.bulk.requests.SECONDS", 0.0)
    return [log.hold(log.insert(n + 1, f"k{n}"), key=f"k{n}") for n in range(12)]


def text(client: Client, url: str, data: dict[str, Any] | None = None) -> str:
    answer = client.get(url, data)
    assert answer.status_code == 200
    return answer.content.decode()


def said(client: Client) -> str:
    return " ".join(str(message) for message in client.get(LIST).context["messages"])


def test_a_preview_counts_shows_some_and_changes_nothing(holds: list[Hold], admin_client: Client) -> None:
    page = text(admin_client, NEW, RELEASE)
    assert "Release 12 holds" in page
    assert page.count("of key k") == 10
    assert "csrfmiddlewaretoken" in page
    assert "Nothing matches" in text(admin_client, NEW, RELEASE | {"topic": "nix"})
    assert not Operation.objects.exists()


def test_an_operation_is_begun_with_a_rate_and_shows_its_progress(
    holds: list[Hold], admin_client: Client
) -> None:
    answer = admin_client.post(NEW, RELEASE | {"rate": "5", "reason": "the topic exists now"})
    row = Operation.objects.get()
    assert answer["Location"] == f"{LIST}{row.pk}/change/"
    assert (row.done, row.rate, row.who, row.reason) == (5, 5, "root", "the topic exists now")
    assert Ledger.objects.get().reason == "the topic exists now"
    for page in (f"{LIST}{row.pk}/change/", LIST, STATUS):
        shown = text(admin_client, page)
        assert 'value="41"' in shown
        assert "5 of 12 done" in shown
        assert "about 1.4 s left" in shown
    Operation.objects.update(rate=None, due_at=Now())  # it does not wait for its rate
    carry(row.pk)
    assert "Released 12 holds" in text(admin_client, f"{LIST}{row.pk}/change/")


def test_what_fits_on_a_page_is_done_at_once(holds: list[Hold], admin_client: Client) -> None:
    admin_client.post(NEW, {"verb": "release", "ids": f"{holds[0].pk} {holds[1].pk}"})
    assert "Released 2 holds" in said(admin_client)
    assert (Operation.objects.count(), Ledger.objects.get().count) == (0, 2)


@pytest.mark.parametrize(
    "given",
    [
        {"verb": "release"},
        {"verb": "discard", "all": "on"},
        {"verb": "release", "ids": "one"},
        {"verb": "release", "all": "on", "rate": "0"},
        {"verb": "release", "all": "on", "since": "yesterday"},
        {"verb": "reshard", "all": "on"},
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    holds: list[Hold], admin_client: Client, given: dict[str, str]
) -> None:
    assert "errorlist" in text(admin_client, NEW, given)
    assert "errorlist" in admin_client.post(NEW, given).content.decode()
    assert not Operation.objects.exists()
    assert not Ledger.objects.exists()


def test_it_is_paused_resumed_and_cancelled_from_its_page(holds: list[Hold], admin_client: Client) -> None:
    row = begun("release")
    for deeds, change, state, buttons in (
        (1, "pause", "paused", {"Resume", "Cancel"}),
        (2, "resume", "running", {"Pause", "Cancel"}),
        (3, "cancel", "cancelled", set()),
    ):
        admin_client.post(f"{LIST}{row.pk}/{change}/")
        row.refresh_from_db()
        assert (row.state, row.changed_by) == (state, "root")
        page = admin_client.get(f"{LIST}{row.pk}/change/")
        assert {button.name for button in page.context["operation"].buttons} == buttons
        assert page.content.decode().count(f"<td>operation {row.pk}: release holds: all</td>") == deeds
        assert Ledger.objects.filter(verb=change, who="root").count() == 1
    admin_client.post(f"{LIST}{row.pk}/resume/")
    assert "Nothing was changed" in said(admin_client)


def test_what_is_resumed_from_its_page_continues_at_once(holds: list[Hold], admin_client: Client) -> None:
    """A consumer sees it only with its next heartbeat."""
    row = begun("release")
    for change, done in (("pause", 0), ("resume", 5), ("pause", 5), ("resume", 10), ("cancel", 10)):
        admin_client.post(f"{LIST}{row.pk}/{change}/")
        assert Operation.objects.get().done == done
    assert "Resumed operation" in said(admin_client)


@pytest.mark.parametrize("verb", OF_VERB)
def test_each_verb_takes_its_permission(holds: list[Hold], staff: Staff, verb: str) -> None:
    others = [name for each, name in OF_VERB.items() if each != verb]
    client = staff("view_operation", "view_outboxstatus", *others)
    order = {"verb": verb, "topic": "test.notes", "reason": "x"}
    assert "errorlist" in client.post(NEW, order).content.decode()
    row = begun(verb, options={"id": "r1"})
    for change in ("pause", "resume", "cancel"):
        assert client.post(f"{LIST}{row.pk}/{change}/").status_code == 403
    for page in (f"{LIST}{row.pk}/change/", STATUS):
        assert f"{LIST}{row.pk}/pause/" not in text(client, page)
    assert Operation.objects.get().state == "running"


def test_operations_are_seen_with_a_permission_only(holds: list[Hold], staff: Staff) -> None:
    client = staff("view_outboxstatus", "release_hold")
    row = begun("release")
    for page in (LIST, NEW, f"{LIST}{row.pk}/change/"):
        assert client.get(page).status_code == 403
    assert client.post(f"{LIST}{row.pk}/pause/").status_code == 403
    assert client.post(NEW, RELEASE).status_code == 403
    assert LIST not in text(client, STATUS)


def test_who_may_only_look_gets_no_form_and_no_button(holds: list[Hold], staff: Staff) -> None:
    client = staff("view_operation")
    row = begun("release")
    assert client.get(NEW).status_code == 403
    assert NEW not in text(client, LIST)
    assert "<button" not in text(client, f"{LIST}{row.pk}/change/").partition('id="content-main"')[2]


def test_nothing_is_done_by_get_or_without_a_token(holds: list[Hold], staff: Staff) -> None:
    client = staff("view_operation", "release_hold")
    row = begun("release")
    assert client.get(f"{LIST}{row.pk}/pause/").status_code == 405
    client.handler.enforce_csrf_checks = True
    assert client.post(f"{LIST}{row.pk}/pause/").status_code == 403
    assert client.post(NEW, RELEASE).status_code == 403
    assert (Operation.objects.get().state, Operation.objects.get().done) == ("running", 0)


def test_the_pages_take_a_fixed_number_of_queries(holds: list[Hold], admin_client: Client) -> None:
    row = begun("release")
    for page, most in ((LIST, 8), (f"{LIST}{row.pk}/change/", 8), (STATUS, 24)):
        with CaptureQueriesContext(connection) as queries:
            text(admin_client, page)
        assert len(queries) <= most, page


def test_what_a_person_typed_cannot_change_the_page(holds: list[Hold], admin_client: Client) -> None:
    evil = "<script>alert(1)</script>\u202e"
    row = begun("release", reason=evil)
    Operation.objects.update(scope=evil, error=evil, changed_by=evil, carried_by=evil)
    for page in (LIST, f"{LIST}{row.pk}/change/", STATUS, f"{NEW}?verb=release&topic={evil}"):
        shown = text(admin_client, page)
        assert "<script>alert" not in shown
        assert page.startswith(NEW) or "\u202e" not in shown
