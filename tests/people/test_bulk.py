"""Bulk work: in chunks, resumable, recorded in the transactions that do it, honest about the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from outbox.models import Held, Hold, Ledger
from outbox.operations import discarding, releasing
from outbox_core.operations.bulk import Step, Tally, to_the_end, within
from outbox_core.operations.selection import Selection
from tests.admin.conftest import Log

ALL = Selection(all=True)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (releasing, discarding):
        monkeypatch.setattr(module, "CHUNK", 10)


@pytest.fixture
def holds(log: Log) -> list[Hold]:
    """25 holds of a key each with one event, 5 of them for another reason."""
    return [
        log.hold(log.insert(n + 1, f"k{n}"), key=f"k{n}", reason="poison" if n % 5 else "topic-missing")
        for n in range(25)
    ]


def due() -> int:
    return sum(hold.due for hold in Hold.objects.with_due())


def test_release_is_done_in_chunks_and_each_counts_events(holds: list[Hold]) -> None:
    steps = list(releasing.release(ALL, "default", "mara"))
    assert [(step.done, step.events) for step in steps] == [(10, 10), (10, 10), (5, 5)]
    assert (due(), Ledger.objects.get().count, Ledger.objects.get().outcome) == (25, 25, "done")


def test_discard_is_done_in_chunks_and_ends_empty_holds(holds: list[Hold]) -> None:
    tally = to_the_end(discarding.discard(ALL, "default", "mara", "sent twice"))
    assert tally == Tally(25, 25, 0, complete=True)
    assert not Held.objects.waiting().exists()
    assert due() == 25
    assert set(Held.objects.values_list("discard_reason", flat=True)) == {"sent twice"}


def test_what_is_interrupted_is_recorded_as_far_as_it_came_and_can_be_continued(holds: list[Hold]) -> None:
    next(discarding.discard(ALL, "default", "mara", "x"))
    entry = Ledger.objects.get()
    assert (entry.count, entry.outcome, Held.objects.waiting().count()) == (10, "in part", 15)
    assert to_the_end(discarding.discard(ALL, "default", "mara", "x")).done == 15
    assert [e.count for e in Ledger.objects.order_by("pk")] == [10, 15]


def test_a_chunk_that_fails_is_neither_done_nor_recorded(holds: list[Hold]) -> None:
    run = discarding.discard(ALL, "default", "mara", "x")
    next(run)
    with mock.patch.object(discarding, "_end_empty", side_effect=DatabaseError), pytest.raises(DatabaseError):
        next(run)
    assert (Held.objects.waiting().count(), Ledger.objects.get().count) == (15, 10)


def test_events_whose_hold_is_being_released_are_skipped_and_counted(holds: list[Hold]) -> None:
    holds[0].release()
    tally = to_the_end(discarding.discard(ALL, "default", "mara", "x"))
    assert (tally.done, tally.skipped) == (24, 1)
    assert Ledger.objects.get().count == 24


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(cause="topic-missing"), 5),
        (Selection(key="k7"), 1),
        (Selection(topic="test.notes"), 25),
        (Selection(type="test.note", cause="poison"), 20),
        (Selection(topic="nix"), 0),
    ],
)
def test_a_filter_means_the_same_for_release_and_discard(
    holds: list[Hold], selection: Selection, count: int
) -> None:
    released = to_the_end(releasing.release(selection, "default", "mara")).done
    Hold.objects.update(release_at=None)
    assert released == to_the_end(discarding.discard(selection, "default", "mara", "x")).done == count
    assert Ledger.objects.count() == (2 if count else 0)


def test_the_number_of_queries_grows_with_the_chunks_and_not_with_the_rows(holds: list[Hold]) -> None:
    with CaptureQueriesContext(connection) as few:
        to_the_end(releasing.release(Selection(key="k1"), "default", "mara"))
    with CaptureQueriesContext(connection) as many:
        to_the_end(releasing.release(ALL, "default", "mara"))
    assert len(many) <= 3 * len(few)


def test_a_request_stops_in_time_and_takes_one_step_at_least() -> None:
    def work() -> Iterator[Step]:
        yield from (Step(1, n + 1) for n in range(100))
        yield Step(1, None)

    ticks = iter(range(1_000))
    assert within(3.0, work(), lambda: next(ticks)) == Tally(3, 0, 0, complete=False)
    assert within(0.0, work(), lambda: next(ticks)).done == 1
    assert within(1e9, work()).complete


def test_the_status_page_releases_a_cause_and_says_what_is_left(
    holds: list[Hold],
    admin_client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("outbox_core.people.group_actions.REQUEST_SECONDS", 0.0)
    page = "/admin/outbox/outboxstatus/release/"
    answer = admin_client.post(
        page, {"cause": "poison", "topic": "test.notes", "type": "test.note"}, follow=True
    )
    said = " ".join(map(str, answer.context["messages"]))
    assert "Released 10 holds" in said
    assert "outbox_release --topic 'test.notes' --type 'test.note' --cause 'poison'" in said
    assert due() == 10


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
    to_the_end(discarding.discard(Selection(ids=(held.event.event_id,)), "default", "mara", "sent twice"))
    to_the_end(discarding.discard(Selection(key="k3"), "default", "ole", "by key"))
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


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A terminal at which somebody gives these answers."""
    answers: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answers.pop(0))
    return answers


def test_at_a_terminal_a_filter_is_confirmed_and_ids_are_not(holds: list[Hold], terminal: list[str]) -> None:
    terminal += ["n", "y"]
    with pytest.raises(CommandError, match="Nothing was changed") as error:
        call_command("outbox_release", all=True)
    assert (error.value.returncode, due()) == (2, 0)
    call_command("outbox_release", cause="topic-missing")
    assert due() == 5
    call_command("outbox_release", holds[1].pk)
    call_command("outbox_release", all=True, yes=True)
    assert (due(), terminal) == (25, [])


ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", ["outbox_status", "inbox_status"])
@pytest.mark.parametrize("flags", ["", "--json"])
def test_a_reader_who_leaves_is_no_error(command: str, flags: str) -> None:
    code = f"{sys.executable} manage.py {command} {flags} | true; echo ${{PIPESTATUS[0]}}"
    environment = {"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "shop.settings", "HOME": "/tmp"}
    environment["SHOP_DATABASE_URL"] = environment["CRM_DATABASE_URL"] = "postgresql://postgres@127.0.0.1:1/x"
    if command == "inbox_status":
        environment["DJANGO_SETTINGS_MODULE"] = "consumers.crm.settings"
    done = subprocess.run(
        ["bash", "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "2"


def test_a_failure_of_the_outbox_is_json_too(monkeypatch: pytest.MonkeyPatch, capsys: Any, db: None) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug\nDETAIL: Key (email)=(mara@example.org)")

    monkeypatch.setattr("outbox.status.read", fail)
    for arguments in (["--json"], ["--json", "--database", "nix"]):
        with pytest.raises(SystemExit) as end:
            call_command("outbox_status", *arguments)
        report = json.loads(capsys.readouterr().out)
        assert (end.value.code, report["exit_code"], report["state"]) == (2, 2, "unreadable")
        assert "mara@" not in json.dumps(report)


def test_keys_cannot_move_the_cursor(log: Log, capsys: Any) -> None:
    evil = "evil\n2026 CRITICAL relay: gone\x1b]0;x\x07\u202e"
    log.hold(log.insert(1, evil), key=evil)
    for command in (["outbox_release", "--all", "--dry-run"], ["outbox_status"], ["outbox_release", "--all"]):
        with suppress(SystemExit):
            call_command(*command)
    out = capsys.readouterr().out
    assert "\\n2026 CRITICAL" in out
    assert not any(row.startswith("2026") for row in out.splitlines())
    assert "\x1b]" not in out
    assert "\u202e" not in out
