"""The page of the ledger: what narrows it, what it exports, and who may see it."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from outbox.models import Ledger
from tests.admin.conftest import Log, Staff

LIST = "/admin/outbox/ledger/"
CSV, JSON = f"{LIST}export.csv", f"{LIST}export.json"
FORMULA = '=HYPERLINK("http://x")'


@pytest.fixture
def entries(log: Log) -> list[Ledger]:
    """By the process and by people, of two topics."""

    def entry(at: str, who: str, verb: str, **values: Any) -> Ledger:
        times = {"at": f"2026-03-{at}T12:00:00Z", "last_at": f"2026-03-{at}T13:00:00Z"}
        return Ledger.objects.create(who=who, verb=verb, scope="s", outcome="done", **times, **values)

    return [
        entry("01", "relay here:1", "hold", automatic=True, selection={"topic": "a", "cause": "poison"}),
        entry("02", "mara", "release", selection={"topic": "a", "key": "k", "type": "x"}, reason=FORMULA),
        entry("03", "-mara", "discard", selection={"topic": ["a", "b"]}, reason="line\nbreak <b>"),
    ]


def found(client: Client, entries: list[Ledger], **query: str) -> list[int]:
    """Which of the entries an export has, the newest first. The list has the same."""
    exported = json.loads(b"".join(client.get(JSON, query)))
    listed = [row.pk for row in client.get(LIST, query).context["cl"].result_list]
    assert [row["id"] for row in exported] == listed
    return [[entry.pk for entry in entries].index(row["id"]) for row in exported]


def test_the_list_and_its_exports_are_narrowed_alike(admin_client: Client, entries: list[Ledger]) -> None:
    def narrowed(**query: str) -> list[int]:
        return found(admin_client, entries, **query)

    assert narrowed() == [2, 1, 0]
    assert narrowed(topic="a") == [2, 1, 0]
    assert narrowed(topic="b") == [2]
    assert narrowed(topic="a", key="k") == narrowed(type="x") == [1]
    assert narrowed(who="MARA", verb__exact="release") == [1]
    assert narrowed(by="processes") == [0]
    assert narrowed(since="2026-03-02T12:30", until="2026-03-03T11:00") == [1]
    assert narrowed(q="line") == [2]
    assert narrowed(topic="nix") == []


def test_a_wrong_field_says_so_and_finds_nothing(admin_client: Client, entries: list[Ledger]) -> None:
    page = admin_client.get(LIST, {"since": "yesterday", "verb__exact": "hold"})
    assert "Enter a valid date/time." in page.content.decode()
    assert not page.context["cl"].result_list
    assert 'name="verb__exact" value="hold"' in page.content.decode()
    assert f"{CSV}?since=yesterday&amp;verb__exact=hold" in page.content.decode()
    assert list(json.loads(b"".join(admin_client.get(JSON, {"since": "yesterday"})))) == []


def test_no_cell_of_a_csv_is_a_formula(admin_client: Client, entries: list[Ledger]) -> None:
    answer = admin_client.get(CSV)
    assert answer["Content-Disposition"] == 'attachment; filename="outbox-ledger.csv"'
    rows = list(csv.DictReader(StringIO(b"".join(answer).decode())))
    assert [row["who"] for row in rows] == ["'-mara", "mara", "relay here:1"]
    assert [row["reason"] for row in rows] == ["line\\nbreak <b>", f"'{FORMULA}", ""]
    assert json.loads(rows[1]["selection"]) == {"topic": "a", "key": "k", "type": "x"}


@pytest.mark.django_db(transaction=True)
def test_an_export_is_read_in_pieces(
    admin_client: Client, entries: list[Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a cursor of the server: nothing of it is read before it is asked for."""
    opened: list[Any] = []
    chunked = connection.chunked_cursor

    def open_one() -> Any:
        opened.append(chunked())
        return opened[-1]

    monkeypatch.setattr(connection, "chunked_cursor", open_one)
    monkeypatch.setattr("outbox_core.people.ledger_export.PAGE", 1)
    answer = admin_client.get(CSV)
    assert opened == []
    assert len(list(answer)) == 4
    assert len(opened) == 1


def test_only_those_who_may_see_the_ledger_get_it(staff: Staff, entries: list[Ledger]) -> None:
    assert Client().get(CSV).status_code == 302
    client = staff("view_ledger")
    assert client.get(LIST).status_code == client.get(CSV).status_code == 200
    assert client.get(f"{LIST}export.exe").status_code == 404
    assert client.get(f"{LIST}{entries[2].pk}/change/").status_code == 200
    assert "<b>" not in client.get(LIST).content.decode().split("result_list", 1)[1].split("</table>")[0]


@pytest.mark.usefixtures("entries")
def test_others_get_none_of_it(staff: Staff) -> None:
    client = staff("view_outboxevent", "view_payload")
    assert {client.get(url).status_code for url in (LIST, CSV, JSON)} == {403}


@pytest.mark.usefixtures("entries")
def test_the_list_takes_few_queries(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(8):
        admin_client.get(LIST, {"topic": "a"})


def test_the_page_of_a_hold_has_what_the_relay_did(admin_client: Client, log: Log) -> None:
    hold = log.hold(log.insert(1))
    entry = {
        "who": "relay here:1",
        "automatic": True,
        "verb": "retry",
        "scope": "key k",
        "outcome": "failed again",
    }
    Ledger.objects.create(**entry, selection={"topic": hold.topic, "cause": "an earlier one"})
    Ledger.objects.create(**entry | {"who": "relay there:2"}, selection={"topic": "another"})
    for url in (
        f"/admin/outbox/hold/{hold.pk}/change/",
        f"/admin/outbox/outboxevent/{log_event(hold)}/change/",
    ):
        page = admin_client.get(url).content.decode()
        assert "relay here:1" in page
        assert "relay there:2" not in page


def log_event(hold: Any) -> int:
    return int(hold.held.get().event_id)
