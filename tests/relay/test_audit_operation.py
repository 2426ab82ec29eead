"""An audit as an operation: part by part, by a command or a relay, with what it found."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import chain
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from pytest_django import Settings

from outbox.errors import OutboxError
from outbox.models import Ledger, Operation
from outbox.operations import auditing
from outbox.operations.audit_preview import preview
from outbox.operations.bulk import AUDIT, operations
from outbox_core.operations.bulk import outside
from outbox_core.operations.bulk.outside import OutsideWork
from outbox_core.operations.bulk.selection import Selection
from relay.audit.operation import comparing
from relay.audit.operation.comparing import parts
from tests.relay.audits import Audited, it
from tests.relay.conftest import Writer
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.waiting import wait_until

__all__ = ["it"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.real_kafka]
ALL = Selection(all=True)


def begun(*topics: str, selection: Selection = ALL, **values: Any) -> Operation:
    """An audit that nobody carries out yet."""
    order = auditing.order(selection, topics, "mara", reason="INC-7", **values)
    row = operations.begin(order, "default", preview(order, "default").count.number)
    return Operation.objects.get(pk=row.pk)


def process(name: str) -> OutsideWork:
    """What a process of this name does."""
    return OutsideWork(operations, "default", name)


def carried(row: Operation, parts: int | None = None, by: OutsideWork | None = None) -> Operation:
    """After so many parts of it, or all."""
    work, done = by or process("a test"), 0
    while done != parts and work.carry(only=row.pk) is not None:
        done += 1
    return Operation.objects.get(pk=row.pk)


def until(row: Operation, reached: Callable[[Operation], bool], what: str) -> Operation:
    """After as many parts as that takes."""
    for _ in range(200):
        row = carried(row, 1)
        if reached(row):
            return row
    raise AssertionError(f"not reached: {what}")


def said(row: Operation) -> str:
    return " ".join(AUDIT.outcome(row.done, row.events, row.skipped))


def test_an_audit_that_finds_nothing_says_so_and_is_in_the_ledger(it: Audited) -> None:
    it.emit("a", 4)
    it.send(it.drain())
    row = carried(begun(it.topic))
    assert (row.state, row.done, row.planned, row.events) == ("done", 4, 4, 0)
    assert said(row) == "Compared 4 events: no difference."
    assert "Each is in Kafka" in " ".join(row.options["said"])
    entry = Ledger.objects.get(verb="audit")
    assert (entry.who, entry.reason, entry.count, entry.outcome) == ("mara", "INC-7", 4, "done")
    assert entry.selection == {"topic": [it.topic]}


def test_the_first_differences_are_its_result(it: Audited) -> None:
    it.emit("a", 5)
    records = it.drain()
    it.send([*records[:2], records[3]._replace(value=b"other"), records[4]])
    row = carried(begun(it.topic))
    assert (row.state, row.done, row.events) == ("done", 5, 2)
    assert {each.partition(":")[0] for each in row.options["first"]} == {"Missing", "Altered"}
    assert "outbox_replay sends them again" in " ".join(row.options["said"])
    assert said(row) == "Compared 5 events: 2 differences."
    assert AUDIT.concern(row) == ("2 differences", "different")


def test_differences_that_are_not_certain_are_less_bad(it: Audited) -> None:
    it.emit("a")
    it.emit("a")
    it.send(reversed(it.drain()))
    row = carried(begun(it.topic))
    assert (row.state, row.done, row.events) == ("done", 2, 1)
    assert AUDIT.concern(row) == ("1 difference", "not proved")


def test_all_topics_are_found_and_compared_in_parts(
    it: Audited, topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "PARTS", 2)
    names = [it.topic, topic(), topic()]
    for number, name in enumerate(names):
        it.writer.insert(f"k{number}", number + 1, topic=name)
    it.writer.commit()
    records = it.drain()
    it.send(records[1:])
    row = carried(begun())
    assert (row.state, row.done, row.planned, row.events) == ("done", 6, 6, 1)
    assert row.options["findings"]["published"] == {name: n + 1 for n, name in enumerate(names)}


def test_topics_are_divided_among_parts_by_their_events() -> None:
    assert parts({}) == []
    assert parts({"b": 1, "a": 5}) == [["a"], ["b"]]
    many = parts({f"t{n}": 100 // (n + 1) for n in range(30)})
    assert len(many) == comparing.PARTS
    assert sorted(chain.from_iterable(many)) == sorted(f"t{n}" for n in range(30))
    assert many[0] == ["t0"]


def test_whoever_continues_it_begins_again_with_the_part_that_was_not_finished(
    it: Audited, topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = topic()
    it.writer.insert("b", 1_500, topic=large)
    it.emit("a", 2_500)
    it.send(it.drain())
    monkeypatch.setattr(comparing, "WORK_SECONDS", 0.0)
    row = begun(it.topic, large)
    until(row, lambda now: now.options["left"] == [[large]], "the first part is complete")
    row = until(row, lambda now: now.done > 2_500, "some of the second part is compared")
    assert row.state == "running"
    assert process("another").carry(only=row.pk) is None, "it belongs to the first one"
    Operation.objects.update(due_at=datetime.now(UTC))
    monkeypatch.setattr(auditing, "_auditors", [comparing.Comparing()])  # nothing in its memory
    another = process("another")
    row = carried(row, 1, another)
    assert (row.done, row.options["left"]) == (2_500, [[large]])
    row = carried(row, by=another)
    assert (row.state, row.done, Ledger.objects.get(verb="audit").count) == ("done", 4_000, 4_000)


def test_a_process_that_has_lost_it_stores_nothing(it: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    it.emit("a", 3)
    it.send(it.drain())
    row = begun(it.topic)
    monkeypatch.setattr(outside, "LEASE_SECONDS", 0.0)
    work = AUDIT.work

    def slowly(taken: Any, using: str) -> Any:
        monkeypatch.setattr(AUDIT, "work", work)
        carried(row, by=process("another"))
        return work(taken, using)

    monkeypatch.setattr(AUDIT, "work", slowly)
    process("a test").carry(only=row.pk)
    row = Operation.objects.get()
    assert (row.state, row.done, row.carried_by) == ("done", 3, "another")


def test_pause_and_cancel_end_it_at_once_and_resume_continues(
    it: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    it.emit("a", 3)
    it.send(it.drain())
    monkeypatch.setattr(comparing, "WORK_SECONDS", 0.0)
    work = process("a test")
    row = carried(begun(it.topic), 2, work)
    operations.pause("default", row.pk, "mara")
    assert work.carry() is None
    operations.resume("default", row.pk, "mara")
    assert carried(row, by=work).state == "done"
    row = begun(it.topic)
    operations.cancel("default", row.pk, "mara")
    assert carried(row).state == "cancelled"


def test_while_kafka_is_away_it_waits_and_says_why(it: Audited, settings: Settings) -> None:
    it.emit("a", 3)
    it.send(it.drain())
    row, kafka = begun(it.topic), settings.KAFKA
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": ["127.0.0.1:1"]}}
    row = carried(row, 1)
    assert (row.state, "Kafka cannot be read" in row.error) == ("running", True)
    settings.KAFKA = kafka
    Operation.objects.filter(pk=row.pk).update(due_at=Now())
    row = carried(row)
    assert (row.state, row.done, row.error) == ("done", 3, "")


def test_only_one_is_open_at_a_time(it: Audited) -> None:
    row = begun(it.topic)
    with pytest.raises(OutboxError, match=f"outbox_operations {row.pk} --cancel"):
        begun(it.topic)


def test_a_preview_counts_and_says_what_both_sides_have_deleted(it: Audited) -> None:
    it.emit("a", 4)
    it.send(it.drain())
    old = datetime.now(UTC) - timedelta(days=1)
    found = preview(auditing.order(Selection(all=True, since=old), [it.topic], "mara"), "default")
    assert (found.count.number, found.count.capped) == (4, False)
    assert any("the outbox has none" in each for each in found.outside)
    young = Selection(all=True, since=datetime.now(UTC) + timedelta(hours=1))
    found = preview(auditing.order(young, [it.topic], "mara"), "default")
    assert (found.count.number, list(found.outside)) == (0, [])


def test_the_command_begins_one_and_reports_as_ever(it: Audited) -> None:
    it.emit("a", 3)
    records = it.drain()
    it.send(records[1:])
    out = StringIO()
    call_command("outbox_audit", "--operation", "--topic", it.topic, "--dry-run", stdout=out)
    assert ("Would compare 3 events" in out.getvalue(), Operation.objects.exists()) == (True, False)
    out = StringIO()
    given = ("--operation", "--topic", it.topic, "--json", "--reason", "INC-7", "--verbosity", "0")
    with pytest.raises(SystemExit) as end:
        call_command("outbox_audit", *given, stdout=out)
    data = json.loads(out.getvalue())
    assert (end.value.code, data["differences"], data["published"]) == (2, {"missing": 1}, {it.topic: 3})
    row = Operation.objects.get()
    assert (row.state, row.reason, row.carried_by.split()[0]) == ("done", "INC-7", "command")


@pytest.mark.parametrize(
    "given",
    [("--reason", "x"), ("--dry-run",), ("--operation", "--timeout", "1"), ("--operation", "--continuous")],
)
def test_options_that_do_not_go_together_are_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as error:
        call_command("outbox_audit", *given)
    assert error.value.returncode == 2


def test_a_relay_carries_it_out_and_another_one_after_a_crash(
    relay: Callable[..., RelayProcess],
    writer: Callable[[], Writer],
    topic: Callable[..., str],
) -> None:
    topics, w = [topic(3), topic(3)], writer()
    for key in range(20):
        w.insert(f"k{key}", 100, topic=topics[key % 2])
    w.commit()
    first = relay()
    wait_until(lambda: first.owns, START_SECONDS, "the relay owns the shard")
    order = auditing.order(ALL, topics, "mara", rate=200)
    row = operations.begin(order, "default", 2_000)

    def now() -> Operation:
        return Operation.objects.get(pk=row.pk)

    wait_until(lambda: now().done > 0, START_SECONDS, "a part is compared")
    assert str(first.process.pid) in now().carried_by
    first.end(signal.SIGKILL)
    Operation.objects.filter(pk=row.pk).update(rate=None)
    second = relay()
    wait_until(lambda: now().state == "done", 2 * START_SECONDS, "the other relay has done all of it")
    assert (now().done, now().events, str(second.process.pid) in now().carried_by) == (2_000, 0, True)
    assert Ledger.objects.get(verb="audit").count == 2_000
    assert second.end() == 0
