"""inbox_status: what it says of consumers that are well, down, behind or hold events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from inbox.models import HeldEvent, Operation
from inbox.operations.bulk import operations
from inbox.status.lag import Lag, LagQuestion
from outbox_core.operations.runbook import Runbook
from tests.inbox.operators import alive, run, status
from tests.people.orders import begun


@pytest.fixture
def lag(monkeypatch: pytest.MonkeyPatch) -> dict[str, Lag]:
    """What Kafka and the database would say about each consumer; nothing waits for those that are
    not here.
    """
    known: dict[str, Lag] = {}
    monkeypatch.setattr(LagQuestion, "lag", lambda _, consumer, database: known.get(consumer.name, Lag(0)))
    return known


@pytest.fixture(autouse=True)
def nothing_waits(lag: dict[str, Lag]) -> None:
    """Unless a test says otherwise."""


def states(report: Any) -> list[str]:
    return [problem["state"] for problem in report["problems"]]


def test_status_of_a_consumer_that_is_well(db: None) -> None:
    alive(progress_at=Now() - timedelta(minutes=2))
    code, report = status("crm")
    assert (code, report["state"], report["problems"]) == (0, "ok", [])
    assert "2 min " in run("inbox_status", "crm")[1]


def test_status_of_a_consumer_that_is_down(db: None) -> None:
    alive(heartbeat_at=Now() - timedelta(minutes=5))
    code, report = status("crm")
    assert (code, states(report)) == (2, ["no consumer"])
    assert "manage.py run_consumer crm" in report["problems"][0]["remedy"]


def test_status_of_a_consumer_that_waits(db: None) -> None:
    alive(state="waiting", detail="Kafka: gone")
    code, report = status("crm")
    assert (code, states(report)) == (1, ["degraded"])
    assert "Kafka: gone" in report["problems"][0]["text"]


def test_status_names_an_operation_that_waits(db: None) -> None:
    alive()
    row = begun("discard", of=operations)
    assert status("crm")[0] == 0
    Operation.objects.update(due_at=Now() - timedelta(seconds=60))
    code, report = status("crm")
    assert (code, states(report)) == (1, ["degraded"])
    assert "`manage.py run_consumer`" in report["problems"][0]["remedy"]
    operations.pause("default", row.pk, "ole")
    code, report = status("crm")
    assert (code, states(report)) == (1, ["held"])
    assert f"`manage.py inbox_operations {row.pk} --cancel`" in report["problems"][0]["remedy"]


def test_status_looks_at_the_lag(db: None, lag: dict[str, Lag]) -> None:
    alive()
    lag["crm"] = Lag(101, timezone.now() - timedelta(minutes=2))
    assert run("inbox_status", "crm", "--max-lag", "101")[0] == 0
    assert status("crm", "--max-pending", "100")[0] == 1
    assert states(status("crm", "--max-age", "60")[1]) == ["behind"]
    assert status("crm", "--max-age", "180")[0] == 0


def test_a_record_whose_age_is_not_known_is_too_old_where_there_is_a_limit(
    db: None, lag: dict[str, Lag]
) -> None:
    alive()
    lag["crm"] = Lag(1)
    assert states(status("crm", "--max-age", "3600")[1]) == ["behind"]


def test_a_lag_that_is_not_known_is_said(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    alive()
    monkeypatch.setattr("inbox.conf.Settings.kafka_client", lambda *_: ("kafka-python", ["127.0.0.1:1"], {}))
    code, report = status("crm")
    assert (code, states(report)) == (1, ["degraded"])
    assert "127.0.0.1:1" in report["problems"][0]["text"]


def test_a_group_that_another_database_shares_is_said(db: None, lag: dict[str, Lag]) -> None:
    alive()
    for strangers, words in ((1, "1 member that writes"), (2, "2 members that write")):
        lag["crm"] = Lag(0, strangers=strangers)
        code, report = status("crm")
        [problem] = report["problems"]
        assert (code, problem["state"], report["consumers"][0]["strangers"]) == (1, "degraded", strangers)
        group = report["consumers"][0]["group"]
        assert problem["text"] == f"Group {group} has {words} no heartbeat into this database."
        assert ("`GROUP`" in problem["remedy"], problem["runbook"]) == (True, Runbook.GROUP_SHARED.url)


def test_status_groups_what_is_held_by_its_cause(db: None) -> None:
    alive()
    row = {"topic": "t", "partition": 0, "record": b""}
    for number in range(6):
        error = "" if number == 5 else f"ValueError: no customer {number}"
        HeldEvent.objects.create(consumer="crm", event_id=str(number), offset=number, error=error, **row)
    HeldEvent.objects.filter(event_id="2").discard(by="me", reason="")
    HeldEvent.objects.filter(event_id="1").release()
    code, report = status("crm")
    assert (code, states(report), report["held"]) == (1, ["held"], 5)
    causes = [(c["reason"], c["topic"], c["events"], c["releasing"]) for c in report["causes"]]
    assert causes == [("ValueError", "t", 4, 1), ("behind its key", "t", 1, 0)]
    assert "inbox_release" in report["problems"][0]["remedy"]


def test_counts_that_stop_at_a_bound_say_so(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inbox.status.causes.COUNT_UP_TO", 3)
    row = {"topic": "t", "partition": 0, "record": b"", "error": "E: x"}
    for number in range(5):
        HeldEvent.objects.create(consumer="crm", event_id=str(number), offset=number, **row)
    report = status("crm")[1]
    assert (report["held"], report["held_capped"], report["causes"][0]["capped"]) == (3, True, True)
    assert "At least 3 events" in run("inbox_status", "crm")[1]


def test_status_needs_nobody_for_what_is_tried_again_by_itself(db: None) -> None:
    alive()
    row = {"topic": "t", "partition": 0, "offset": 0, "record": b"", "error": "E: x"}
    HeldEvent.objects.create(consumer="crm", event_id="1", retry_at=Now(), **row)
    code, report = status("crm")
    assert (code, report["held"], report["problems"]) == (0, 1, [])
    assert (report["consumers"][0]["retrying"], report["consumers"][0]["undecided"]) == (1, 0)
    HeldEvent.objects.update(held_at=Now() - timedelta(minutes=2))
    code, report = status("crm")
    assert (code, states(report)) == (1, ["degraded"])
    HeldEvent.objects.update(retry_at=None)
    code, report = status("crm")
    assert (code, states(report)) == (1, ["held"])


def test_status_of_all_as_json(db: None) -> None:
    alive("crm")
    code, report = status()
    found = {each["consumer"]: each for each in report["consumers"]}
    assert code == report["exit_code"] == 2, "the worst of them"
    assert set(found) == {"analytics", "crm", "notifications"}
    assert (found["crm"]["lag"], found["crm"]["instances"]) == (0, 1)


def test_workers_are_shown_where_a_process_has_some(db: None) -> None:
    alive()
    assert "WORKERS" not in run("inbox_status", "crm")[1]
    assert status("crm")[1]["consumers"][0]["workers"] == 0
    alive(workers=4)
    alive(workers=4)
    alive(workers=4, heartbeat_at=Now() - timedelta(minutes=5))
    heads, line = run("inbox_status", "crm")[1].split("CONSUMER", 1)[1].splitlines()[:2]
    assert heads.split()[:2] == ["RUNNING", "WORKERS"]
    assert line.split()[:3] == ["crm", "3", "8"]
    assert status("crm")[1]["consumers"][0]["workers"] == 8


def test_a_failure_is_json_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug\nDETAIL: Key (email)=(mara@example.org)")

    monkeypatch.setattr("inbox.status.report.statuses", fail)
    code, report = status("crm")
    assert (code, report["problems"][0]["text"]) == (2, "RuntimeError: a bug")
