"""What real relays have sent through a crash is proved by an audit, and so is a replay."""

from __future__ import annotations

import signal
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command

from tests.relay.audits import audit
from tests.relay.conftest import Writer
from tests.relay.processes import START_SECONDS, RelayProcess
from tests.waiting import wait_until


@pytest.mark.real_kafka
def test_an_audit_proves_what_a_killed_relay_left_and_what_was_replayed(
    relay: Callable[..., RelayProcess],
    writer: Callable[[], Writer],
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name, w = topic(3), writer()
    first = relay()
    wait_until(lambda: first.owns, START_SECONDS, "the relay owns the shard")
    for _ in range(10):
        for key in range(20):
            w.insert(f"k{key}", 10, topic=name)
        w.commit()
    wait_until(lambda: len(published(name)) > 0, START_SECONDS, "something is in Kafka")
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    assert relay("--drain", "--timeout", str(START_SECONDS)).code() == 0
    code, data = audit(name)
    assert (code, data["differences"], data["published"]) == (0, {}, {name: 2_000})
    call_command("outbox_replay", "--topic", name, stdout=StringIO())
    assert relay("--drain", "--timeout", str(START_SECONDS)).code() == 0
    code, data = audit(name)
    assert (code, data["differences"], data["replayed"]) == (0, {}, 2_000)
