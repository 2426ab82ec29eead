"""The receivers of the tests' app."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal

import outbox
from tests.testapp.events import Note

parcels_counted = Signal()


@outbox.receiver(parcels_counted)
def counted(count: int, **kwargs: Any) -> Note:
    return Note("count", str(count))
