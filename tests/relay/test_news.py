"""One question for all idle shards: they stay idle until something concerns them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from outbox_core.wire.encode import BinaryEncoder
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.log.news import MOST
from relay.publishers.memory import MemoryPublisher
from tests.relay.conftest import Writer, divide, insert, pause, payloads, resume

Writers = Callable[[], Writer]
SHARDS, PAGE_ROWS = 8, 250
OF_SHARD_3, OF_SHARD_5 = 256 * 3 // SHARDS, 256 * 5 // SHARDS
"""Buckets."""


class Watched(Relay):
    """A relay whose loop a test runs, and the statements that it sends: those of the cluster come by the
    clock.
    """

    def __init__(self) -> None:
        self.broker = MemoryPublisher()
        settings = RelaySettings(page_rows=PAGE_ROWS, lease_seconds=60.0, poll_seconds=0.25)
        super().__init__("default", settings, self.broker, BinaryEncoder("/test"))
        while self.turn():
            pass
        self.statements: list[str] = []
        assert self.connected is not None
        session = self.connected.session
        fetch = session.fetch

        def counted(name: str, parameters: object) -> object:
            if not name.startswith("cluster/"):
                self.statements.append(name)
            return fetch(name, parameters)  # type: ignore[arg-type]

        session.fetch = counted  # type: ignore[method-assign, assignment]

    def statements_of_a_turn(self) -> list[str]:
        self.statements.clear()
        self.turn()
        return list(self.statements)

    def published(self) -> list[str]:
        """What it publishes until nothing is left."""
        before = len(self.broker.records)
        while self.turn():
            pass
        return payloads(self.broker.records[before:])


@pytest.fixture
def relay(transactional_db: None) -> Iterator[Watched]:
    divide(SHARDS)
    relay = Watched()
    assert len(relay.shards) == SHARDS
    yield relay
    relay.leave()


def test_a_turn_of_idle_shards_is_one_statement(relay: Watched) -> None:
    assert [relay.statements_of_a_turn() for _ in range(3)] == [["log/news"]] * 3


def test_an_event_wakes_its_shard_alone(relay: Watched) -> None:
    insert(OF_SHARD_3, "t")
    statements = relay.statements_of_a_turn()
    assert payloads(relay.broker.records) == ["k:1"]
    assert statements.count("log/poll_ids") == 1
    assert relay.published() == []
    assert relay.statements_of_a_turn() == ["log/news"]


def test_events_of_transactions_that_were_open_when_it_came_to_rest_are_found(
    relay: Watched, writer: Writers
) -> None:
    late, later = writer(), writer()
    late.insert("late")
    later.insert("later")
    insert(OF_SHARD_3, "t")
    assert relay.published() == ["k:1"]
    late.commit()
    assert relay.published() == ["late:1"]
    assert relay.published() == []
    later.commit()
    assert relay.published() == ["later:1"]


def test_more_events_than_an_answer_lists_wake_every_shard(relay: Watched) -> None:
    logs = [shard._log for shard in relay.shards.values()]
    before = [log._last for log in logs]
    insert(OF_SHARD_3, "t", MOST)
    assert relay.statements_of_a_turn().count("log/poll_ids") == 1
    assert all(log._last is logs[0]._last is not old for log, old in zip(logs, before, strict=True))
    assert len(relay.broker.records) == MOST


def test_what_a_turn_has_polled_is_too_old_for_the_next(relay: Watched) -> None:
    insert(OF_SHARD_5, "t")
    relay.turn()
    insert(OF_SHARD_3, "t")
    relay.turn()
    assert len(relay.broker.records) == 2


def test_an_idle_shard_does_not_stay_behind_for_ever(relay: Watched) -> None:
    """Its next poll would read all that others have published since its position."""
    before = {number: shard._checkpoints.position for number, shard in relay.shards.items()}
    for _ in range(2 * PAGE_ROWS // 100 + 1):
        insert(OF_SHARD_3, "t", 100)
        relay.published()
    assert all(shard._checkpoints.position != before[number] for number, shard in relay.shards.items())
    assert relay.statements_of_a_turn() == ["log/news"]


def test_a_database_that_was_restarted_after_a_crash_is_noticed(relay: Watched) -> None:
    """Behind a pooler the session outlives the crash, which empties the table."""
    epochs = {number: shard.lease.epoch for number, shard in relay.shards.items()}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM outbox_incarnation")
    while relay.turn():
        pass
    assert {number: shard.lease.epoch for number, shard in relay.shards.items()} != epochs
    insert(OF_SHARD_3, "t")
    assert relay.published() == ["k:1"]


def test_a_hold_is_released_though_its_shard_is_idle(relay: Watched) -> None:
    pause("t")
    insert(OF_SHARD_3, "t")
    assert relay.published() == []
    assert relay.statements_of_a_turn() == ["log/news"]
    resume("t")
    relay.connected._release_at = 0.0  # type: ignore[union-attr]
    assert relay.published() == ["k:1"]
