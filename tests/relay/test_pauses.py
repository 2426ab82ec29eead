"""An operator's pause holds, also one that comes while the relay is about to end the pause before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outbox.models import Hold, Shard
from relay.holds.table import Holds, Release
from tests.relay.conftest import Desk, Writer, pause, resume

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


@pytest.fixture
def pause_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the moment when the relay finds a hold due and what it does about it, somebody pauses again."""
    due = Holds.due

    def found(self: Holds, after: int = 0) -> Release | None:
        release = due(self, after)
        if release is not None:
            pause("t")
        return release

    monkeypatch.setattr(Holds, "due", found)


def is_paused() -> bool:
    return Hold.objects.filter(reason=Hold.Reason.PAUSED, release_at=None).exists()


def test_a_pause_that_comes_before_the_hold_is_deleted_is_not_lost(
    desk: Desks, writer: Writers, pause_in_between: None
) -> None:
    office, w = desk(), writer()
    pause("t")
    resume("t")
    office.shard.release()
    assert is_paused()
    w.insert("a")
    w.commit()
    assert office.drain() == []


def test_a_pause_that_comes_before_trouble_is_noted_is_not_lost(
    desk: Desks, writer: Writers, pause_in_between: None
) -> None:
    office, w = desk(), writer()
    pause("t")
    w.insert("a")
    w.commit()
    assert office.drain() == []
    resume("t")
    office.broker.missing = {"t"}
    office.shard.release()
    assert is_paused()


def test_a_release_that_comes_after_the_shard_was_lost_is_not_undone(
    desk: Desks, writer: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay was frozen between the refusal and its note of it; its successor is publishing what waited."""
    office, w = desk(), writer()
    pause("t")
    w.insert("a")
    w.commit()
    office.drain()
    resume("t")
    office.broker.missing = {"t"}
    reschedule = Holds.reschedule

    def later(*arguments: Any, **options: Any) -> None:
        Shard.objects.update(epoch=99)
        reschedule(*arguments, **options)

    monkeypatch.setattr(Holds, "reschedule", later)
    office.shard.release()
    assert Hold.objects.with_due().get().due
