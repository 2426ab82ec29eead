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
    """Under load some always do; the shard then stood still and somebody was asked to run outbox_rebase.

    Here another transaction commits before and after every statement with which a shard is taken over.
    """
    office, w = desk(), writer()
    w.insert("a")
    w.commit()
    office.drain()
    statements: list[str] = []
    fetch = Session.fetch

    def commit_meanwhile(session: Session, name: str, parameters: Mapping[str, Any]) -> Any:
        statements.append(name)
        w.insert("a")
        w.commit()
        rows = fetch(session, name, parameters)
        w.insert("a")
        w.commit()
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(Session, "fetch", commit_meanwhile)
        office.reopen()
    assert "log/load" in statements
    assert office.drain() == [f"a:{number}" for number in range(2, 2 + 2 * len(statements))]
