"""A consumer and the commands of the inbox work with the privileges of docs/how-to/roles.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from django.db import connection

from inbox.database import require_migrations
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps, undecided
from tests.inbox.test_commands import run
from tests.relay.test_roles import GRANT, PAGE


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def role(transactional_db: None) -> Iterator[str]:
    """The role ``consumer`` of the page. Django's connection has it until the test ends."""
    name = f"consumer_{uuid4().hex[:12]}"
    grants = (match[0] for match in GRANT.finditer(PAGE.read_text()) if match[3] == "consumer")
    execute(f"CREATE ROLE {name}", *(grant.replace(" TO consumer;", f" TO {name};") for grant in grants))
    execute(f"SET ROLE {name}")
    yield name
    execute("RESET ROLE", f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_the_page_has_every_privilege_that_a_consumer_and_its_commands_need(
    role: str, consume: Callable[..., MemoryConsumer], effects: Effects
) -> None:
    require_migrations("default")
    consumer = consume()
    effects.fails["poison"] = raising(ValueError("no such customer"))
    for key in "ab":
        send_steps(consumer, key, 1, fail="poison")
        send_steps(consumer, key, 2)
    consumer.drain()
    assert undecided().count() == 2
    assert run("inbox_release", "a-1")[0] == 0
    effects.fails.clear()
    consumer.drain()
    assert run("inbox_discard", "b-1", "--reason", "a test")[0] == 0
    consumer.drain()
    assert (effects.of("a"), effects.of("b")) == ([1, 2], [2])
    assert run("inbox_prune", "--older-than", "0")[0] == 0
    consumer.consumer._heartbeat.stop()
