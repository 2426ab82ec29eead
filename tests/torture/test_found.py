"""What the suite has found, each in a test of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from relay.log.session import Session
from tests.relay.conftest import Desk, Writer, desk, nothing_before, writer

__all__ = ["desk", "nothing_before", "writer"]


def test_transactions_that_commit_while_a_position_is_loaded_do_not_make_it_suspicious(
    desk: Callable[..., Desk], writer: Callable[[], Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load some always do; the shard then stood still and somebody was asked to run outbox_rebase."""
    office, w = desk(), writer()
    w.insert("a")
    w.commit()
    office.drain()
    fetch = Session.fetch

    def commit_meanwhile(session: Session, name: str, parameters: Mapping[str, Any]) -> Any:
        rows = fetch(session, name, parameters)
        if name == "log/load":
            w.insert("a")
            w.commit()
        return rows

    monkeypatch.setattr(Session, "fetch", commit_meanwhile)
    office.reopen()
    assert office.drain() == ["a:2"]
