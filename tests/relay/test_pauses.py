"""An operator's pause holds, also one that comes while the relay is about to end the pause before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from outbox import verbs
from outbox.models import Hold
from relay.holds import Holds, Release
from tests.relay.conftest import Desk, Writer

Desks = Callable[..., Desk]
Writers = Callable[[], Writer]


@pytest.fixture
def pause_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the moment when the relay finds a hold due and what it does about it, somebody pauses again."""
    due = Holds.due

    def found(self: Holds, after: int = 0) -> Release | None:
        release = due(self, after)
        if release is not None:
            pause()
        return release

    monkeypatch.setattr(Holds, "due", found)


def pause() -> None:
    with transaction.atomic():
        verbs.pause("t", "default", any_topic=True)


def resume() -> None:
    with transaction.atomic():
        verbs.resume("t", "default")


def is_paused() -> bool:
    return Hold.objects.filter(reason=Hold.Reason.PAUSED, release_at=None).exists()


def test_a_pause_that_comes_before_the_lift_is_not_lost(
    desk: Desks, writer: Writers, pause_in_between: None
) -> None:
    office, w = desk(), writer()
    pause()
    resume()
    office.shard.release()
    assert is_paused()
    w.insert("a")
    w.commit()
    assert office.drain() == []


def test_a_pause_that_comes_before_trouble_is_noted_is_not_lost(
    desk: Desks, writer: Writers, pause_in_between: None
) -> None:
    office, w = desk(), writer()
    pause()
    w.insert("a")
    w.commit()
    assert office.drain() == []
    resume()
    office.broker.missing = {"t"}
    office.shard.release()
    assert is_paused()
