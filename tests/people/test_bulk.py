"""Bulk work: in chunks, resumable, recorded in the transactions that do it, honest about the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from outbox.models import Held, Hold, Ledger, Operation
from outbox.operations import discarding, retention
from outbox.operations.bulk import operations
from outbox_core.operations.bulk.operations import TRIES
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.step import CHUNK, LEAST_CHUNK, next_size
from outbox_core.operations.ledger import LedgerQuerySet
from tests.admin.conftest import Log
from tests.people.orders import begun, carry, do, order


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows a chunk, however fast they are; and a page has nine."""
    monkeypatch.setattr("outbox_core.operations.bulk.operations.FIRST_CHUNK", 10)
    monkeypatch.setattr("outbox_core.operations.bulk.operations.next_size", lambda size, seconds: size)
    monkeypatch.setattr("outbox_core.operations.bulk.requests.PAGE", 9)


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
    row = begun("release")
    seen = [(now.done, now.events) for now in (carry(row.pk, 1) for _ in range(3))]
    assert seen == [(10, 10), (20, 20), (25, 25)]
    assert (due(), Ledger.objects.get().count, Ledger.objects.get().outcome) == (25, 25, "done")


def test_discard_is_done_in_chunks_and_ends_empty_holds(holds: list[Hold]) -> None:
    row = do("discard", reason="sent twice")
    assert (row.done, row.events, row.skipped, row.state) == (25, 25, 0, "done")
    assert not Held.objects.waiting().exists()
    assert due() == 25
    assert set(Held.objects.values_list("discard_reason", flat=True)) == {"sent twice"}


def test_what_is_interrupted_is_recorded_as_far_as_it_came_and_continues_there(holds: list[Hold]) -> None:
    row = begun("discard")
    carry(row.pk, 1)
    entry = Ledger.objects.get()
    assert (entry.count, entry.outcome, Held.objects.waiting().count()) == (10, "in part", 15)
    assert carry(row.pk).done == 25
    entry.refresh_from_db()
    assert (entry.count, entry.outcome) == (25, "done")


def test_a_chunk_that_fails_changes_nothing_and_is_tried_again(holds: list[Hold]) -> None:
    row = begun("discard")
    carry(row.pk, 1)
    with mock.patch.object(discarding, "_end_empty", side_effect=DatabaseError("deadlock")):
        tried = carry(row.pk, 1)
    assert (tried.done, tried.state, tried.failures, tried.error) == (
        10,
        "running",
        1,
        "DatabaseError: deadlock",
    )
    assert (Held.objects.waiting().count(), Ledger.objects.get().count) == (15, 10)
    Operation.objects.update(due_at=timezone.now())
    assert (carry(row.pk).done, carry(row.pk).failures) == (25, 0)


def test_an_operation_whose_chunk_always_fails_waits_for_a_person(holds: list[Hold]) -> None:
    row = begun("discard")
    carry(row.pk, 1)
    with mock.patch.object(discarding, "_end_empty", side_effect=DatabaseError("deadlock")):
        for _ in range(TRIES):
            Operation.objects.update(due_at=timezone.now())
            carry(row.pk, 1)
    assert (carry(row.pk).state, Ledger.objects.get().outcome) == ("failed", "failed")
    assert operations.resume("default", row.pk, "ole")
    assert (carry(row.pk).done, Ledger.objects.get(verb="discard").outcome) == (25, "done")


def test_events_whose_hold_is_being_released_are_skipped_and_counted(holds: list[Hold]) -> None:
    holds[0].release()
    row = do("discard")
    assert (row.done, row.skipped) == (24, 1)
    assert Ledger.objects.get().count == 24


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(cause="topic-missing"), 5),
        (Selection(key="k7"), 1),
        (Selection(key_prefix="k1"), 11),
        (Selection(topic="test.notes"), 25),
        (Selection(type="test.note", cause="poison"), 20),
        (Selection(since=timezone.now() - timedelta(hours=1)), 25),
        (Selection(until=timezone.now() - timedelta(hours=1)), 0),
        (Selection(topic="nix"), 0),
    ],
)
def test_a_filter_means_the_same_for_release_and_discard(
    holds: list[Hold], selection: Selection, count: int
) -> None:
    released = do("release", selection).done
    Hold.objects.update(release_at=None)
    assert released == do("discard", selection).done == count
    assert Ledger.objects.count() == (2 if count else 0)


def test_a_selection_is_the_same_when_it_was_stored() -> None:
    whole = Selection(ids=(1, 2), rows=(3,), topic="t", key_prefix="t1:", since=timezone.now(), all=True)
    assert Selection.stored(json.loads(json.dumps(whole.for_storage()))) == whole


def test_the_number_of_queries_grows_with_the_chunks_and_not_with_the_rows(holds: list[Hold]) -> None:
    with CaptureQueriesContext(connection) as few:
        do("release", Selection(key="k1"))
    with CaptureQueriesContext(connection) as many:
        do("release")
    assert len(many) <= 3 * len(few)


def test_a_chunk_looks_at_so_many_rows_at_most_though_few_match(
    holds: list[Hold], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox_core.operations.bulk.verb.SCAN", 7)
    row = begun("release", Selection(key="k24"))
    afters = [carry(row.pk, 1).after for _ in range(4)]
    assert afters == [holds[6].pk, holds[13].pk, holds[20].pk, holds[24].pk]
    assert (carry(row.pk).state, due()) == ("done", 1)


def test_what_is_held_after_it_began_does_not_belong_to_it(holds: list[Hold], log: Log) -> None:
    """Otherwise a release of what fails again would never end."""
    row = begun("release")
    log.hold(log.insert(99, "late"), key="late")
    assert (carry(row.pk).done, due()) == (25, 25)


def test_what_could_not_be_counted_shows_how_far_it_is_of_the_rows_that_there_are(holds: list[Hold]) -> None:
    """The rows before them are pruned long ago."""
    Held.objects.update(id=F("id") + 1_000_000)
    row = operations.begin(order("discard"), "default", 0, capped=True)
    assert row.fraction == 0
    assert [round(carry(row.pk, 1).fraction, 2) for _ in range(3)] == [0.4, 0.8, 1]


def test_a_chunk_becomes_smaller_when_it_is_slow_and_larger_when_it_is_fast() -> None:
    assert [next_size(500, seconds) for seconds in (0.01, 0.05, 0.2)] == [1_000, 500, 250]
    assert (next_size(LEAST_CHUNK, 9.0), next_size(CHUNK, 0.0)) == (LEAST_CHUNK, CHUNK)


def test_a_rate_holds_whoever_carries_it_out(holds: list[Hold]) -> None:
    row = begun("release", rate=4)
    assert operations.carry("default", "one")
    assert not operations.carry("default", "another")
    now = Operation.objects.get(pk=row.pk)
    assert (now.done, due()) == (4, 4)
    assert 0.9 < (now.due_at - (now.carried_at or now.due_at)).total_seconds() < 1.1
    assert now.seconds_left == 21 / 4


def test_a_paused_operation_stands_still_and_continues_where_it_was(holds: list[Hold]) -> None:
    row = begun("release")
    carry(row.pk, 1)
    assert operations.pause("default", row.pk, "ole")
    assert (carry(row.pk).done, carry(row.pk).changed_by) == (10, "ole")
    assert not operations.pause("default", row.pk, "ole")
    assert operations.resume("default", row.pk, "ole")
    assert (carry(row.pk).done, due()) == (25, 25)


def test_a_cancelled_operation_keeps_what_is_done_and_cannot_be_resumed(holds: list[Hold]) -> None:
    row = begun("release")
    carry(row.pk, 1)
    assert operations.cancel("default", row.pk, "ole")
    assert not operations.resume("default", row.pk, "ole")
    assert (carry(row.pk).done, due()) == (10, 10)
    entry = Ledger.objects.get(verb="release")
    assert (entry.count, entry.outcome) == (10, "cancelled")


def test_who_paused_resumed_and_cancelled_it_is_in_the_ledger(holds: list[Hold]) -> None:
    row = begun("release", Selection(topic="test.notes"))
    for change, who in ((operations.pause, "ole"), (operations.resume, "ida"), (operations.cancel, "ole")):
        assert change("default", row.pk, who)
        assert not change("default", row.pk, "nobody")
    entries = Ledger.objects.order_by("pk")
    assert [(each.who, each.verb, each.before, each.outcome) for each in entries] == [
        ("ole", "pause", "running", "done"),
        ("ida", "resume", "paused", "done"),
        ("ole", "cancel", "running", "done"),
    ]
    assert {each.scope for each in entries} == {f"operation {row.pk}: release holds: topic test.notes"}
    assert entries[0].selection == {"topic": "test.notes", "operation": row.pk}


def test_a_change_that_the_ledger_cannot_keep_is_not_made(holds: list[Hold]) -> None:
    row = begun("release")
    for change in (operations.pause, operations.cancel):
        with (
            mock.patch.object(LedgerQuerySet, "create", side_effect=DatabaseError("disk full")),
            pytest.raises(DatabaseError),
        ):
            change("default", row.pk, "ole")
    assert carry(row.pk).state == "done"


def test_operations_are_pruned_with_the_ledger(holds: list[Hold]) -> None:
    do("release", Selection(key="k1"))
    begun("release")
    ancient = timezone.now() - timedelta(days=400)
    Operation.objects.filter(state="done").update(ended_at=ancient)
    Ledger.objects.update(last_at=ancient)
    assert retention.prune_ledger() == 1
    assert Operation.objects.get().state == "running"


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
