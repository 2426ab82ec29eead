"""A relay that waits for another session of PostgreSQL says for which one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from outbox.models import Relay
from tests.relay.conftest import Writer
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.waiting import wait_until

Writers = Callable[[], Writer]


@pytest.mark.parametrize("table", ["outbox_event", "outbox_checkpoint", "outbox_shard"])
def test_a_lock_of_another_session_is_named_and_waited_for(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
    table: str,
) -> None:
    name, w, other = topic(1), writer(), writer()
    waits = relay()
    wait_until(lambda: waits.owns, START_SECONDS, "it owns the shard")
    other.connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    who = f"session {other.connection.info.backend_pid} "
    degraded = Relay.objects.filter(state="degraded", detail__contains=who)
    wait_until(degraded.exists, START_SECONDS, "the status says what it waits for")
    assert waits.text().count(who) == 1, waits.text()
    other.rollback()
    w.insert("a", topic=name)
    w.commit()
    wait_until(lambda: published(name) == ["a:1"], START_SECONDS, "the event is in Kafka")
    wait_until(lambda: "Recovered after" in waits.text(), START_SECONDS, "it says that this is over")
    assert waits.end() == 0
    assert "Traceback" not in waits.text()
