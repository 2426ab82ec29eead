"""run_relay as processes on real PostgreSQL and Kafka, ended by real signals: who publishes next,
and what.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

import pytest

from outbox.models import Relay
from relay.conf import settings
from tests.relay.conftest import Writer
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.waiting import wait_until

AT_ONCE = 10.0
"""Seconds, on a machine that is busy. The lease in that test is ten times as long."""
TAKEOVER_SECONDS = 3.0
"""How long after the end of a lease the standby owns the shard."""
Writers = Callable[[], Writer]


def test_sigterm_ends_cleanly_and_leaves_the_shard_to_the_standby_at_once(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name = topic(3)
    lasting = json.dumps({"LEASE_SECONDS": 10 * AT_ONCE})
    first = relay(TESTS_RELAY=lasting)
    wait_until(lambda: first.owns, START_SECONDS, "the first relay owns the shard")
    second = relay(TESTS_RELAY=lasting)
    wait_until(lambda: second.alive, START_SECONDS, "the second relay is alive")
    assert not second.owns
    w = writer()
    w.insert("a", 5, topic=name)
    w.commit()
    wait_until(lambda: len(published(name)) == 5, START_SECONDS, "the events are in Kafka")
    assert first.end() == 0
    wait_until(lambda: second.owns, AT_ONCE, "the standby owns the shard")
    w.insert("a", 5, topic=name)
    w.commit()
    wait_until(lambda: len(published(name)) == 10, START_SECONDS, "the standby publishes")
    assert published(name) == [f"a:{n}" for n in range(1, 11)]
    assert second.end(signal.SIGINT) == 0
    assert "State: standby" in second.text()
    assert not Relay.objects.exists()


def test_a_killed_relay_is_replaced_within_its_lease_and_nothing_is_lost(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name = topic(1)
    first = relay()
    wait_until(lambda: first.owns, START_SECONDS, "the first relay owns the shard")
    second = relay()
    wait_until(lambda: second.alive, START_SECONDS, "the second relay is alive")
    w = writer()
    w.insert("a", 4_000, topic=name)
    w.commit()
    wait_until(lambda: bool(published(name)), START_SECONDS, "the first wave is in Kafka")
    first.end(signal.SIGKILL)
    wait_until(lambda: second.owns, settings().lease_seconds + TAKEOVER_SECONDS, "the standby takes over")
    wait_until(lambda: "a:4000" in published(name), 2 * START_SECONDS, "all is published")
    sequence = published(name)
    assert list(dict.fromkeys(sequence)) == [f"a:{n}" for n in range(1, 4_001)]
    assert second.end() == 0


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)])
def test_signals_that_come_together_end_it_cleanly(
    relay: Callable[..., RelayProcess], numbers: tuple[signal.Signals, signal.Signals]
) -> None:
    """As GNU timeout and a terminal's Ctrl-C send them, to a process and to its group."""
    only = relay()
    wait_until(lambda: only.owns, START_SECONDS, "the relay owns the shard")
    only.send(numbers[0])
    time.sleep(0.002)
    assert only.end(numbers[1]) == 0
    assert not Relay.objects.exists()
