"""The pytest fixture ``outbox_events``; needs pytest-django."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outbox.testing import CapturedEvents


@pytest.fixture
def outbox_events(db: None) -> Iterator[CapturedEvents]:
    """The events that the test has written to the default database: see outbox.testing.CapturedEvents."""
    from outbox.testing import captured_events

    with captured_events() as events:
        yield events
