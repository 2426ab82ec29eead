"""outbox_backfill, run in this process; the receivers, rows and interruptions that its tests need."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.signals import post_save

import outbox
from outbox.models import Ledger
from outbox.operations.backfilling import Backfill
from outbox_core.operations.bulk.model import BulkOperation
from outbox_core.operations.bulk.step import Step
from tests.testapp.events import Note
from tests.testapp.models import Parcel, Tag

NO_RELAY = {"max_pending_age": 86_400.0}


def run(model: str = "testapp.Parcel", *arguments: object, **options: Any) -> str:
    """What the command prints; what it tells the person who watches is behind it."""
    out = StringIO()
    options = {**NO_RELAY, "rate": 100_000, "verbosity": 0, "stderr": out, **options}
    call_command("outbox_backfill", model, *map(str, arguments), stdout=out, **options)
    return out.getvalue()


def failed(code: int, *arguments: object, **options: Any) -> str:
    with pytest.raises(CommandError) as raised:
        run(*arguments, **options)  # type: ignore[arg-type]
    assert raised.value.returncode == code
    return str(raised.value)


def receiver(sender: Any = Parcel, **options: Any) -> Callable[..., Any]:
    """A receiver that takes backfill and notes the primary key of each row."""

    @outbox.receiver(post_save, sender=sender, **options)
    def noted(instance: Any, backfill: bool = False, **kwargs: Any) -> Note | None:
        return Note(str(instance.pk)) if backfill else None

    return noted


def path_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def parcels(count: int, **values: Any) -> list[int]:
    rows = [Parcel(code=f"p{n}", **values) for n in range(count)]
    return [row.pk for row in Parcel.objects.bulk_create(rows)]


def entry() -> Ledger:
    found = Ledger.objects.get(verb=Ledger.Verb.BACKFILL)
    assert isinstance(found, Ledger)
    return found


def interrupt_behind(chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM arrives behind so many chunks."""
    step, left = Backfill.step, [chunks]

    def interrupted(self: Backfill, row: BulkOperation, using: str, size: int) -> Step:
        done = step(self, row, using, size)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return done

    monkeypatch.setattr(Backfill, "step", interrupted)


def fails_for(pk: int, fail: Callable[[], object]) -> str:
    """Register a receiver that writes a tag for each row, and fails for one of them; its path."""

    @outbox.receiver(post_save, sender=Parcel)
    def fragile(instance: Parcel, backfill: bool = False, **kwargs: Any) -> Note:
        Tag.objects.create(name=f"written for {instance.pk}")
        if instance.pk == pk:
            fail()
        return Note(str(instance.pk))

    return path_of(fragile)


def divide() -> None:
    connection.cursor().execute("SELECT 1 / 0")


def refuse() -> None:
    raise ValueError("no such customer")
