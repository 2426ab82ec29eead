"""A consumer and the commands of the inbox work with the privileges of docs/how-to/roles.md."""

from __future__ import annotations

from collections.abc import Callable

from inbox.database import require_migrations
from inbox.models import Unhandled
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps, undecided
from tests.inbox.operators import run


def test_the_page_has_every_privilege_that_a_consumer_and_its_commands_need(
    role: str, consume: Callable[..., MemoryConsumer], effects: Effects
) -> None:
    require_migrations("default")
    consumer = consume()
    effects.fails["poison"] = raising(ValueError("no such customer"))
    for key in "ab":
        send_steps(consumer, key, 1, fail="poison")
        send_steps(consumer, key, 2)
    consumer.send("test.unknown", {}, key="a")
    consumer.drain()
    assert undecided().count() == 2
    assert Unhandled.objects.get().type == "test.unknown"
    assert run("inbox_status", "--json")[0] == 2, "no consumer of INBOX is alive"
    assert run("inbox_release", "a-1")[0] == 0
    effects.fails.clear()
    consumer.drain()
    assert run("inbox_discard", "b-1", "--reason", "a test")[0] == 0
    consumer.drain()
    assert (effects.of("a"), effects.of("b")) == ([1, 2], [2])
    assert run("inbox_prune", "--older-than", "0")[0] == 0
    consumer.consumer._heartbeat.stop()
