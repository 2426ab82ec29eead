"""Each way to write rows, with each kind of model: captured, refused, or documented as not captured."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db.models import QuerySet
from django.db.models.signals import post_delete, post_save
from django.dispatch import Signal
from pytest_django import Settings

import outbox
from outbox.testing import CapturedEvents, captured_events
from tests.outbox.rows import new
from tests.outbox.write_paths import (
    CAPTURED,
    KINDS,
    NOTHING,
    PAGE,
    PATHS,
    REFUSED,
    UNSEEN,
    WritePath,
    page,
)
from tests.testapp.events import Note
from tests.testapp.models import Owner, Plain

pytestmark = pytest.mark.django_db

CELLS = [pytest.param(path, kind, id=f"{path.name}-{kind}") for path in PATHS for kind in KINDS]


@pytest.mark.parametrize(("path", "kind"), CELLS)
def test_write_path(path: WritePath, kind: str, outbox_events: CapturedEvents) -> None:
    model: Any = apps.get_model("testapp", kind)
    row, owner = model.objects.create(**new(model)), Owner.objects.create()
    announce(model)
    if path.of(kind) == REFUSED:
        with pytest.raises((outbox.CannotCapture, ValueError)):
            path.write(model, row, owner)
        assert len(content(model)) == 1
        assert not outbox_events
        return
    before = content(model)
    path.write(model, row, owner)
    events = [event.key for event in outbox_events]
    if path.of(kind) == UNSEEN:
        assert events == []
    elif path.of(kind) == NOTHING:
        assert (events, content(model)) == ([], before)
    else:
        assert events == list(path.events)


class Elsewhere:
    """All of the app's rows are in another database."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "other" if model._meta.app_label == "testapp" else None

    db_for_write = db_for_read


@pytest.mark.django_db(databases=["default", "other"])
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.name) for path in PATHS if path.of("Plain") in (CAPTURED, REFUSED)],
)
def test_a_write_to_another_database_has_its_events_there(path: WritePath, settings: Settings) -> None:
    settings.DATABASE_ROUTERS = [Elsewhere()]
    row, owner = Plain.objects.create(**new(Plain)), Owner.objects.create()
    announce(Plain)
    with captured_events("default") as here, captured_events("other") as there:
        if path.of("Plain") == REFUSED:
            with pytest.raises(outbox.CannotCapture):
                path.write(Plain, row, owner)
        else:
            path.write(Plain, row, owner)
    assert [event.key for event in there] == ([] if path.of("Plain") == REFUSED else list(path.events))
    assert not here


def announce(model: Any) -> None:
    sender = Plain if issubclass(model, Plain) else model

    @outbox.receiver([post_save, post_delete], sender=sender)
    def written(signal: Signal, **kwargs: Any) -> Note:
        return Note("saved" if signal is post_save else "deleted")


def content(model: Any) -> list[Any]:
    return list(QuerySet(model).order_by("pk").values())


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.outbox.write_paths`"
