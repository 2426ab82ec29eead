"""dumpdata and loaddata of the outbox's own tables."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, transaction

import outbox
from outbox.errors import PositionNotOfThisHistory
from outbox.log.history import refuse_another_history
from outbox.models import Checkpoint, OutboxEvent
from tests.testapp.events import Note

pytestmark = pytest.mark.django_db(transaction=True)


def dump(folder: Path) -> str:
    for number in range(3):
        with transaction.atomic():
            outbox.emit(Note(f"key-{number}"))
    dumped = StringIO()
    call_command("dumpdata", "outbox", stdout=dumped)
    path = folder / "outbox.json"
    path.write_text(dumped.getvalue(), encoding="utf-8")
    return str(path)


def test_events_that_are_loaded_are_new_ones_of_this_history(tmp_path: Path) -> None:
    """With the transaction ids of another database they would count as published, or as not committed yet."""
    path = dump(tmp_path)
    wanted = list(OutboxEvent.objects.order_by("pk").values("pk", "event_id", "key", "payload", "headers"))
    before = max(OutboxEvent.objects.values_list("xid", flat=True))
    OutboxEvent.objects.all().delete()
    call_command("loaddata", path, verbosity=0)
    loaded = OutboxEvent.objects.order_by("pk")
    assert list(loaded.values("pk", "event_id", "key", "payload", "headers")) == wanted
    assert min(event.xid for event in loaded) > before


def test_a_position_that_is_loaded_is_not_believed(tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        Checkpoint.objects.create(shard_id=0, epoch=1, seq=1, lo=cursor.fetchone()[0])
    path = dump(tmp_path)
    refuse_another_history("default")
    Checkpoint.objects.all().delete()
    call_command("loaddata", path, verbosity=0)
    assert Checkpoint.objects.exists()
    with pytest.raises(PositionNotOfThisHistory):
        refuse_another_history("default")
