"""Fixtures of this folder."""

from __future__ import annotations

import pytest

from outbox.models import Hold
from tests.admin.conftest import Log, admin_client, log, staff

__all__ = ["admin_client", "log", "staff"]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows a chunk, however fast they are; and a page has nine."""
    monkeypatch.setattr("outbox_core.operations.bulk.operations.FIRST_CHUNK", 10)
    monkeypatch.setattr("outbox_core.operations.bulk.operations.next_size", lambda size, seconds: size)
    monkeypatch.setattr("outbox_core.operations.bulk.requests.PAGE", 9)


@pytest.fixture
def holds(log: Log, small_chunks: None) -> list[Hold]:
    """25 holds of a key each with one event, 5 of them for another reason, and chunks of ten."""
    return [
        log.hold(log.insert(n + 1, f"k{n}"), key=f"k{n}", reason="poison" if n % 5 else "topic-missing")
        for n in range(25)
    ]
