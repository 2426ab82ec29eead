"""run_relay --drain ends when all is published, or when it may not go on."""

from __future__ import annotations

from collections.abc import Callable

from outbox.models import Relay
from tests.relay.conftest import Writer
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.waiting import wait_until

Writers = Callable[[], Writer]


def test_drain_publishes_what_there_is_and_ends(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name, w = topic(1), writer()
    w.insert("a", 100, topic=name)
    w.commit()
    drain = relay("--drain")
    assert drain.code() == 0, drain.text()
    assert len(published(name)) == 100


def test_a_drain_ends_when_its_time_is_over_whatever_is_away(
    relay: Callable[..., RelayProcess], writer: Writers, topic: Callable[..., str], away: dict[str, str]
) -> None:
    w = writer()
    w.insert("a", topic=topic(1))
    w.commit()
    drain = relay("--drain", "--timeout", "3", **away)
    assert drain.code() == 4, drain.text()
    assert "Traceback" not in drain.text()


def test_a_drain_that_is_stopped_does_not_claim_to_be_drained(
    relay: Callable[..., RelayProcess], writer: Writers, topic: Callable[..., str]
) -> None:
    w = writer()
    w.insert("a", topic=topic(1))
    w.commit()
    drain = relay("--drain", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    wait_until(
        lambda: Relay.objects.filter(state="degraded").exists(), START_SECONDS, "the state is degraded"
    )
    assert drain.end() == 4
