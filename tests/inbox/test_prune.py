"""inbox_prune forgets what is old, and nothing that is still needed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from inbox.conf import settings as inbox_settings
from inbox.handling.routing import Identity
from inbox.models import HeldEvent, Processed
from tests.inbox.operators import run


@pytest.mark.django_db(transaction=True)
def test_prune_forgets_what_is_old(settings: Settings) -> None:
    settings.INBOX = {**settings.INBOX, "RETENTION_DAYS": 3}
    assert inbox_settings().retention_days == 3
    ids = [Identity("/s", str(number)) for number in range(12_000)]
    Processed.objects.claim("c", ids)
    Processed.objects.exclude(event_id="7").update(processed_at=Now() - timedelta(days=4))
    for number, days in enumerate((2, 4, None)):
        discarded_at = None if days is None else Now() - timedelta(days=days)
        row = {"topic": "t", "partition": 0, "offset": 0, "record": b"", "discarded_at": discarded_at}
        HeldEvent.objects.create(consumer="c", event_id=str(number), **row)
    dry = run("inbox_prune", "--dry-run", "--verbosity", "0")
    what = "the notes of 11,999 handled events and 1 discarded event older than 3 days.\n"
    assert dry == (0, f"Would delete {what}")
    assert run("inbox_prune", "--verbosity", "0") == (0, f"Deleted {what}")
    assert list(Processed.objects.values_list("event_id", flat=True)) == ["7"]
    assert set(HeldEvent.objects.values_list("event_id", flat=True)) == {"0", "2"}


@pytest.mark.django_db(transaction=True)
def test_prune_keeps_the_notes_of_held_events(settings: Settings) -> None:
    Processed.objects.claim("c", [Identity("/s", "held"), Identity("/s", "handled")])
    row = {"topic": "t", "partition": 0, "offset": 0, "record": b""}
    HeldEvent.objects.create(consumer="c", source="/s", event_id="held", **row)
    for dry in (["--dry-run"], []):
        text = run("inbox_prune", "--older-than", "0", *dry)[1]
        assert "the notes of 1 handled event and 0 discarded events" in text
    assert list(Processed.objects.values_list("event_id", flat=True)) == ["held"]


@pytest.mark.django_db(transaction=True)
def test_prune_deletes_discarded_events_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """One statement over millions of rows would lock them, and be lost when it is interrupted."""
    monkeypatch.setattr("inbox.management.commands.inbox_prune.CHUNK", 2)
    row = {"topic": "t", "partition": 0, "record": b""}
    for number in range(6):
        HeldEvent.objects.create(consumer="c", event_id=str(number), offset=number, **row)
    HeldEvent.objects.exclude(event_id="5").discard(by="me", reason="")
    with CaptureQueriesContext(connection) as queries:
        text = run("inbox_prune", "--older-than", "0")[1]
    deletes = [query for query in queries if query["sql"].startswith('DELETE FROM "inbox_held"')]
    assert (len(deletes), "5 discarded events" in text) == (3, True)
    assert HeldEvent.objects.get().event_id == "5"


@pytest.mark.parametrize("days", ["-1", "nan", "inf", "x"])
@pytest.mark.django_db(transaction=True)
def test_prune_refuses_an_age_that_would_delete_new_notes(days: str) -> None:
    Processed.objects.claim("c", [Identity("/s", "1")])
    assert run("inbox_prune", f"--older-than={days}")[0] != 0
    assert Processed.objects.exists()
