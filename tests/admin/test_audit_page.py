"""The page that begins an audit: what it shows before, who may, and how the operation shows its result."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from outbox.models import Operation
from outbox.operations import audit_preview, auditing
from outbox.operations.auditing import Deleted
from outbox.operations.bulk import operations
from outbox_core.operations.bulk.outside import OutsideWork
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.step import Step
from outbox_core.operations.bulk.verb import Part
from tests.admin.conftest import Log

pytestmark = pytest.mark.django_db
LIST = "/admin/outbox/operation/"
PAGE = f"{LIST}audit/"
STATUS = "/admin/outbox/outboxstatus/"
MAY = ("view_operation", "audit_event")
Staff = Callable[..., Client]
ASKED = {"reason": "INC-7"}
DONE = Step(done=1, after=1, last=True)


class Kafka:
    """Compares one event of an audit, with a difference, or says what was deleted."""

    said: Sequence[Deleted] = ()
    result: Mapping[str, Any] = {
        "said": ["Missing in Kafka: 1 event."],
        "first": ["Missing: event 7, key secret"],
    }
    step = DONE._replace(events=1)

    def work(self, row: Any, using: str) -> Part:
        return Part(self.step, {"planned": 1, "options": {**row.options, **self.result}})

    def forget(self, row: Any, using: str) -> None: ...

    def deleted(self, topics: Any, seconds: float) -> Sequence[Deleted]:
        return self.said


@pytest.fixture(autouse=True)
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    """What the app relay would register."""
    made = Kafka()
    monkeypatch.setattr(auditing, "_auditors", [made])
    return made


def test_a_preview_counts_and_says_what_cannot_be_compared(log: Log, kafka: Kafka, staff: Staff) -> None:
    for age in (7_200.0, 60.0, 50.0):
        log.insert(1, age=age)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    kafka.said = [
        Deleted(topic="test.notes", before=hour_ago, why="deleted by Kafka"),
        Deleted(topic="a", why="compacted"),
        Deleted(topic="b", trouble="Kafka did not answer in time"),
    ]
    page = staff(*MAY).get(PAGE, ASKED).content.decode()
    assert "Compare 3 events with Kafka" in page
    for part in (
        "the outbox has none",
        "1 event cannot be compared",
        "Topic a is compacted",
        "Kafka did not answer in time",
    ):
        assert part in page
    assert not Operation.objects.exists()


Lost = list[tuple[str, str]]


def lost(**selection: Any) -> Lost:
    """What cannot be compared, by topic."""
    order = auditing.order(Selection(all=True, **selection), [], "mara")
    outside = "\n".join(audit_preview.preview(order, "default").outside)
    return re.findall(r"Topic (\S+): .* so (.*) cannot be compared", outside)


@pytest.fixture
def three_topics(log: Log, kafka: Kafka) -> datetime:
    """With events of five, three and one hours ago, of which Kafka has deleted some. Returns when that is."""
    now = datetime.now(UTC)
    for hours in (5, 3, 1):
        for topic in ("a", "b", "c"):
            log.insert(1, topic=topic, age=hours * 3600.0)
    deleted = {"a": 2, "b": 4, "c": 6}
    kafka.said = [Deleted(topic=t, before=now - timedelta(hours=hours)) for t, hours in deleted.items()]
    return now


def test_what_kafka_has_deleted_is_counted_by_topic(three_topics: datetime) -> None:
    assert lost() == [("a", "2 events"), ("b", "1 event")]
    assert lost(since=three_topics - timedelta(hours=4)) == [("a", "1 event")]
    assert lost(until=three_topics - timedelta(hours=4)) == [("a", "1 event"), ("b", "1 event")]


@pytest.mark.usefixtures("three_topics")
def test_one_statement_counts_it_for_all_topics(kafka: Kafka) -> None:
    with CaptureQueriesContext(connection) as for_all:
        lost()
    kafka.said = kafka.said[:1]
    with CaptureQueriesContext(connection) as for_one:
        assert lost() == [("a", "2 events")]
    assert len(for_all) == len(for_one)


@pytest.mark.usefixtures("three_topics")
def test_it_is_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_preview, "COUNT_UP_TO", 2)
    assert dict(lost()) == {
        "a": "2+ events",
        "b": "1+ events",
        "c": "very many events, or few among very many",
    }


def test_a_range_and_topics_choose(log: Log, staff: Staff) -> None:
    log.insert(1, age=7_200.0)
    log.insert(2, age=60.0, topic="test.other")
    log.insert(3, age=50.0)
    client = staff(*MAY)
    since = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    assert "Compare 2 events" in client.get(PAGE, {**ASKED, "since": since}).content.decode()
    page = client.get(PAGE, {**ASKED, "since": since, "topics": "test.other"}).content.decode()
    assert ("Compare 1 event with" in page, "Events of test.other, since" in page) == (True, True)
    page = client.get(PAGE, {**ASKED, "topics": "nothing"}).content.decode()
    assert ("No event matches" in page, "Begin the audit" in page) == (True, False)
    page = client.get(PAGE, {**ASKED, "since": since, "until": since}).content.decode()
    assert "This is not behind the beginning." in page


def test_it_begins_an_operation_whose_page_has_the_result(log: Log, staff: Staff) -> None:
    log.insert(1)
    client = staff(*MAY)
    answer = client.post(PAGE, {**ASKED, "rate": "100"})
    row = Operation.objects.get()
    assert answer["Location"] == f"{LIST}{row.pk}/change/"
    assert (row.verb, row.who, row.reason, row.rate, row.planned) == ("audit", "mara", "INC-7", 100, 1)
    page = client.get(PAGE, ASKED).content.decode()
    assert f"outbox_operations {row.pk} --cancel" in page, "one at a time"
    assert OutsideWork(operations, "default", "relay").carry() is not None
    page = client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "Compared 1 event: 1 difference." in page
    assert ("Missing in Kafka: 1 event." in page, "key secret" in page) == (True, False)
    User.objects.get().user_permissions.add(
        Permission.objects.get(codename="view_payload", content_type__app_label="outbox")
    )
    page = client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "key secret" in page


def audited(kafka: Kafka, step: Step, **result: Any) -> Operation:
    """An audit that has found this."""
    kafka.step, kafka.result = step, result
    row = operations.begin(auditing.order(Selection(all=True), [], "mara"), "default", 1)
    assert OutsideWork(operations, "default", "relay").carry() is not None
    return Operation.objects.get(pk=row.pk)


def listed(row: Operation, *options: str) -> str:
    """What the command says of it."""
    out = StringIO()
    call_command("outbox_operations", str(row.pk), *options, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("step", "result", "tone", "state"),
    [
        (DONE, {}, "done", "done"),
        (DONE._replace(events=1), {}, "critical", "done, 1 difference"),
        (DONE._replace(events=2), {"certain": 1}, "critical", "done, 2 differences"),
        (DONE._replace(events=2), {"certain": 0}, "warning", "done, 2 differences"),
        (DONE._replace(done=0), {}, "warning", "done, nothing compared"),
        (Step(done=1, after=0, events=2), {}, "critical", "running, 2 differences"),
        (Step(done=0, after=0), {}, "running", "running"),
    ],
)
def test_differences_are_in_its_state_and_make_it_look_bad(
    log: Log,
    kafka: Kafka,
    staff: Staff,
    monkeypatch: pytest.MonkeyPatch,
    step: Step,
    result: dict[str, Any],
    tone: str,
    state: str,
) -> None:
    """Whoever is on call takes a green "done" for a proof."""
    monkeypatch.setenv("COLUMNS", "200")  # no cell is wrapped
    row = audited(kafka, step, **result)
    client = staff("view_outboxstatus", *MAY)
    for page in (LIST, f"{LIST}{row.pk}/change/", STATUS):
        badge = f'<span class="outbox-badge outbox-{tone}">{state}</span>'
        assert badge in client.get(page).content.decode(), page
    assert re.search(rf"{row.pk} +{state} +audit", listed(row))


def test_programs_read_what_it_found(log: Log, kafka: Kafka) -> None:
    row = audited(kafka, DONE._replace(events=2))
    [data] = json.loads(listed(row, "--json"))
    assert (data["state"], data["concern"]) == ("done", {"words": "2 differences", "state": "different"})
    Operation.objects.update(events=0)
    [data] = json.loads(listed(row, "--json"))
    assert (data["state"], data["concern"]) == ("done", None)


def test_no_request_carries_it_out_and_no_other_operation_waits_for_it(log: Log, staff: Staff) -> None:
    log.insert(1)
    client = staff(*MAY)
    client.post(PAGE, ASKED)
    row = Operation.objects.get()
    client.post(f"{LIST}{row.pk}/pause/")
    client.post(f"{LIST}{row.pk}/resume/")
    assert (Operation.objects.get().state, Operation.objects.get().done) == ("running", 0)
    assert not operations.is_any_running("default")
    assert not operations.carry("default", "relay")
    assert OutsideWork(operations, "default", "relay").is_any_running
    client.post(f"{LIST}{row.pk}/cancel/")
    assert Operation.objects.get().state == "cancelled"


def test_without_the_app_relay_the_relays_still_can(
    log: Log, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.insert(1)
    monkeypatch.setattr(auditing, "_auditors", [])
    client = staff(*MAY)
    assert "seen by the relay that compares" in client.get(PAGE, ASKED).content.decode()
    client.post(PAGE, ASKED)
    row = Operation.objects.get()
    OutsideWork(operations, "default", "a process without it").carry()
    operations.elsewhere.clear()
    row.refresh_from_db()
    assert (row.state, row.error) == ("running", "")


def test_a_count_that_takes_too_long_is_not_waited_for(
    log: Log, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.insert(1)
    monkeypatch.setattr(audit_preview, "in_time", lambda using, read: None)
    page = staff(*MAY).get(PAGE, ASKED).content.decode()
    assert "Compare very many events with Kafka" in page
    assert "Begin the audit" in page


@pytest.mark.parametrize("may", [("view_operation",), ("audit_event",), ()])
def test_it_needs_its_permission(staff: Staff, may: tuple[str, ...]) -> None:
    client = staff(*may)
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, ASKED).status_code == 403
    assert "New audit" not in client.get(LIST).content.decode()
    assert not Operation.objects.exists()
