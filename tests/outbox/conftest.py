"""What a test registers is forgotten when it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db.models import Model

from outbox.capture.receivers import registered
from outbox.write.registry import registry


@pytest.fixture(autouse=True)
def registered_for_this_test_only() -> Iterator[None]:
    receivers, types = list(registered), {event_type.cls for event_type in registry}
    save_base = Model.save_base
    yield
    Model.save_base = save_base  # type: ignore[method-assign]
    for receiver in [each for each in registered if each not in receivers]:
        receiver.disconnect()
    for cls in [event_type.cls for event_type in registry if event_type.cls not in types]:
        registry.remove(cls)
