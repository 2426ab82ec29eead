"""What a module declares when it is reloaded takes the place of what it declared before."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

import outbox
from outbox.testing import CapturedEvents
from outbox.write.registry import registry
from tests.testapp.models import Parcel

RELOADED = """
from django.db.models.signals import post_save
import outbox
from tests.testapp.events import Note
from tests.testapp.models import Parcel

@outbox.receiver(post_save, sender=Parcel)
def saved(instance, **kwargs):
    return Note("VERSION")
"""


@pytest.mark.django_db
def test_a_module_that_is_reloaded_is_connected_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outbox_events: CapturedEvents
) -> None:
    """Django's own receivers are forgotten with their functions."""
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "receivers_reloaded.py"
    source.write_text(RELOADED.replace("VERSION", "old"))
    module = importlib.import_module("receivers_reloaded")
    source.write_text(RELOADED.replace("VERSION", "newer"))
    importlib.reload(module)
    Parcel.objects.create(code="a")
    assert [event.key for event in outbox_events] == ["newer"]


RELOADED_EVENT = """
import outbox

class Sent(outbox.Event, type="test.sent", topic="TOPIC", key="id"):
    id: int
"""


@pytest.mark.django_db
def test_an_event_of_a_module_that_is_reloaded_takes_the_place_of_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outbox_events: CapturedEvents
) -> None:
    """Modules that are not reloaded still make events of the earlier class."""
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "events_reloaded.py"
    source.write_text(RELOADED_EVENT.replace("TOPIC", "old"))
    module: Any = importlib.import_module("events_reloaded")
    earlier = module.Sent
    source.write_text(RELOADED_EVENT.replace("TOPIC", "newer"))
    importlib.reload(module)
    assert registry.named("test.sent").cls is module.Sent is not earlier
    outbox.emit(module.Sent(1), earlier(2))
    assert [event.topic.rpartition(".")[2] for event in outbox_events] == ["newer", "old"]


def test_a_class_of_the_same_name_in_the_same_module_is_still_refused() -> None:
    class Sent(outbox.Event, type="test.sent", topic="t", key="id"):
        id: int

    with pytest.raises(ImproperlyConfigured, match="is registered as"):
        outbox.event("test.sent", topic="t", key="id")(dataclass(type("Sent", (), dict(vars(Sent)))))
