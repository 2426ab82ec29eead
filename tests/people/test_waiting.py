"""Operations that do not continue by themselves are problems of the status, with a remedy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from outbox import status
from outbox.models import Operation
from outbox.operations.bulk import operations
from outbox_core.operations.report import State
from tests.admin.conftest import Log
from tests.people.orders import begun


@pytest.fixture
def running(log: Log) -> Operation:
    """One that is due, of a hold, and a relay that is alive."""
    log.relay()
    log.hold(log.insert(1, "k1"), key="k1", reason="replay")  # a replay is no problem of its own
    row: Operation = begun("release")
    return row


def late(row: Operation, seconds: float) -> None:
    Operation.objects.filter(pk=row.pk).update(due_at=Now() - timedelta(seconds=seconds))


def test_one_that_is_due_and_that_nobody_carries_out_degrades_the_outbox(running: Operation) -> None:
    late(running, 5)
    assert status.read().problems == ()
    late(running, 180)
    [problem] = status.read().problems
    assert (problem.state, f"operation {running.pk} (release holds: all)" in problem.text) == (
        State.DEGRADED,
        True,
    )
    assert "for 3 min" in problem.text
    assert "0 of 1 done" in problem.text
    assert "`manage.py run_relay`" in problem.remedy
    assert f"`manage.py outbox_operations {running.pk} --resume`" in problem.remedy


def test_one_that_waits_for_its_rate_or_for_another_try_is_no_problem(running: Operation) -> None:
    Operation.objects.update(due_at=timezone.now() + timedelta(seconds=8), failures=4, error="deadlock")
    assert status.read().problems == ()


@pytest.mark.parametrize(
    ("stopped", "said"),
    [
        ({"state": "paused", "changed_by": "ole"}, "is paused by ole"),
        ({"state": "failed", "error": "bad"}, "bad"),
    ],
)
def test_one_that_a_person_must_continue_or_end_says_how(
    running: Operation, stopped: dict[str, str], said: str
) -> None:
    Operation.objects.update(**stopped)
    [problem] = status.read().problems
    assert (problem.state, said in problem.text) == (State.HELD, True)
    for change in ("resume", "cancel"):
        assert f"`manage.py outbox_operations {running.pk} --{change}`" in problem.remedy
    assert problem.runbook.endswith("/operation-waits/")
    operations.cancel("default", running.pk, "ole")
    assert status.read().problems == ()


def test_it_is_on_the_page_and_in_the_command(
    running: Operation, admin_client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    late(running, 60)
    with pytest.raises(SystemExit) as end:
        call_command("outbox_status")
    assert end.value.code == 1
    page = admin_client.get("/admin/outbox/outboxstatus/").content.decode()
    for shown in (capsys.readouterr().out, page):
        assert f"No process has carried out operation {running.pk}" in shown
    own = admin_client.get(f"/admin/outbox/operation/{running.pk}/change/").content.decode()
    assert f"or run manage.py outbox_operations {running.pk} --resume" in own


def test_a_remedy_names_the_database_if_it_is_another_one(running: Operation) -> None:
    running._state.db = "other"
    assert operations.command(running) == f"manage.py outbox_operations {running.pk} --database other"
