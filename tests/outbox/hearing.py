"""Receivers for tests of receivers."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal

import outbox
from outbox.testing import CapturedEvents
from tests.testapp.events import Note


def note(signal: Signal | list[Signal], sender: Any = None, **options: Any) -> None:
    """Have every signal noted by the name of the sender."""

    @outbox.receiver(signal, sender=sender, **options)
    def noted(sender: type, **kwargs: Any) -> Note:
        return Note(sender.__name__)


def keys(events: CapturedEvents) -> list[str]:
    return [event.key for event in events]
