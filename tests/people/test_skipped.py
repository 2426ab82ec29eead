"""An operation that skipped rows does not look as if it were done to all of them."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from outbox.models import Hold, Operation, OutboxEvent
from outbox.operations.backfill import run
from outbox.operations.bulk import RELEASE, operations
from outbox.testing import CapturedEvents
from outbox_core.operations.bulk.words import tone
from tests.admin.conftest import Log
from tests.outbox.backfills import NO_RELAY, fails_for, parcels, refuse
from tests.outbox.conftest import registered_for_this_test_only
from tests.people.orders import begun, carry, do

__all__ = ["registered_for_this_test_only"]
pytestmark = pytest.mark.django_db


def command(*arguments: object, **options: Any) -> str:
    """What a command prints."""
    out = StringIO()
    call_command(*map(str, arguments), stdout=out, **options)
    return out.getvalue()


def is_shown(row: Operation, client: Client, tone: str, state: str) -> None:
    """On the pages, in the list of the command, and to programs."""
    badge = f'<span class="outbox-badge outbox-{tone}">{state}</span>'
    for page in ("operation/", f"operation/{row.pk}/change/", "outboxstatus/"):
        assert badge in client.get(f"/admin/outbox/{page}").content.decode(), page
    assert re.search(rf"{row.pk} +{state} +{row.verb}", command("outbox_operations", row.pk))


def concern(row: Operation) -> Any:
    """What programs read."""
    [data] = json.loads(command("outbox_operations", row.pk, "--json"))
    return data["concern"]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cell of a table is wrapped, and a backfill waits for no relay."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(run, "MAX_AGE", NO_RELAY["max_pending_age"])


def test_a_backfill_that_skipped_rows_says_so(outbox_events: CapturedEvents, admin_client: Client) -> None:
    fails_for(parcels(3)[1], refuse)
    asked = {"model": "testapp.Parcel", "rate": "10000", "reason": "INC-7", "skip_failing": "on"}
    admin_client.post("/admin/outbox/operation/backfill/", asked)
    row = carry(Operation.objects.get().pk)
    assert (row.state, row.done, row.skipped) == ("done", 2, 1)
    is_shown(row, admin_client, "warning", "done, 1 skipped")
    assert concern(row) == {"words": "1 skipped", "state": "incomplete"}
    said = command("outbox_backfill", "testapp.Parcel", "--resume")
    assert said.startswith("Complete already (done, 1 skipped): testapp.Parcel")


def test_a_discard_that_skipped_events_says_so(holds: list[Hold], admin_client: Client) -> None:
    holds[0].release()
    row = do("discard")
    is_shown(row, admin_client, "warning", "done, 1 skipped")


def test_a_replay_that_skipped_events_says_so(log: Log, admin_client: Client) -> None:
    """Another replay took one in the same moment."""
    log.insert(1)
    log.position("900:900:")
    row = do("replay", options={"id": "r1"})
    Operation.objects.update(skipped=1)
    is_shown(row, admin_client, "warning", "done, 1 skipped")


def test_holds_that_are_being_released_already_are_released(holds: list[Hold], admin_client: Client) -> None:
    """Whoever releases them has what they want."""
    holds[0].release()
    row = do("release")
    assert (row.done, row.skipped) == (24, 1)
    is_shown(row, admin_client, "done", "done")
    assert concern(row) is None


def test_what_failed_is_as_red_as_before(holds: list[Hold]) -> None:
    holds[0].release()
    row = begun("discard")
    carry(row.pk, 1)
    Operation.objects.update(state="failed")
    row.refresh_from_db()
    assert (row.skipped, tone(row, operations)) == (1, "failed")


@pytest.mark.parametrize("how", ["begun", "resumed"])
def test_the_command_ends_with_1(holds: list[Hold], how: str) -> None:
    """Scripts learn it, too."""
    holds[0].release()
    arguments: tuple[object, ...] = ("outbox_discard", "--all", "--reason", "INC-7", "--yes")
    if how == "resumed":
        row = begun("discard")
        operations.pause("default", row.pk, "mara")
        arguments = ("outbox_operations", row.pk, "--resume")
    with pytest.raises(CommandError, match=r"Operation \d+ is done, 1 skipped") as raised:
        command(*arguments, verbosity=0)
    assert raised.value.returncode == 1
    assert OutboxEvent.objects.count() == 25


def test_the_command_ends_with_0_if_they_are_released_already(holds: list[Hold]) -> None:
    holds[0].release()
    said = command("outbox_release", "--all", verbosity=0)
    assert RELEASE.skipped in said
