"""What a handler sets in its context holds for its own event only: the next event may be another tenant's."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context

import pytest
from django.utils import timezone, translation

from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps

tenant = ContextVar("tenant", default="none")


def become(name: str) -> None:
    tenant.set(name)


def calculate_roughly() -> None:
    decimal.getcontext().prec = 3


CHANGES: dict[str, Callable[[], object]] = {
    "time zone": lambda: timezone.activate("Asia/Tokyo"),
    "language": lambda: translation.activate("de"),
    "tenant": lambda: become("acme"),
    "precision": calculate_roughly,
    "precision, replaced": lambda: decimal.setcontext(decimal.Context(prec=3)),
}


def seen() -> list[object]:
    numbers = decimal.Decimal(1) / 3
    return [timezone.get_current_timezone_name(), translation.get_language(), tenant.get(), numbers]


@pytest.fixture(autouse=True)
def apart() -> Iterator[None]:
    """No test sees what another one has left."""
    timezone.deactivate()
    decimal.setcontext(decimal.Context())
    yield
    timezone.deactivate()
    translation.activate("en-us")
    tenant.set("none")
    decimal.setcontext(decimal.Context())


@pytest.mark.parametrize("fails", [False, True], ids=["", "and fails"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_no_later_event_is_handled_with_what_a_handler_left(
    consumer: MemoryConsumer, effects: Effects, change: Callable[[], object], fails: bool
) -> None:
    looks: list[list[object]] = []
    error = raising(ValueError("wrong")) if fails else list
    effects.fails |= {"look": lambda: looks.append(seen()), "change": lambda: (change(), error())}
    before = seen()
    for key, what in (("a", "change"), ("b", "look"), ("c", "change"), ("d", "look")):
        send_steps(consumer, key, 1, fail=what)
    consumer.poll()
    assert [*looks, seen()] == [before] * (len(looks) + 1)
    assert len(looks) >= 2


def test_a_handler_has_the_context_of_its_consumer(consumer: MemoryConsumer, effects: Effects) -> None:
    looks: list[str] = []
    effects.fails["look"] = lambda: looks.append(tenant.get())
    send_steps(consumer, "a", 1, fail="look")
    context = copy_context()
    context.run(become, "acme")
    context.run(consumer.poll)
    assert looks == ["acme"]
