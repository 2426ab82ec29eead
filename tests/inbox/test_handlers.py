"""Registering handlers, and reading the payload that they declare."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

import inbox
from inbox.errors import HandlerError, InvalidPayload
from inbox.handling.payload import PayloadReader
from inbox.handling.registry import Registry
from inbox.handling.routing import Delivery, Identity, Routes
from outbox_core.wire.consumed import ConsumerRecord


@dataclass
class Order:
    order_id: UUID
    total: Decimal
    placed_at: datetime
    note: str = ""


class Struct(msgspec.Struct):
    total: Decimal


def event(data: bytes | None, **changed: Any) -> inbox.Event:
    where = {"topic": "t", "partition": 0, "offset": 0}
    return inbox.Event(
        id="1", source="/s", type="t", time=datetime.now(UTC), data=data, **{**where, **changed}
    )


ORDER = (
    b'{"order_id":"%s","total":"9.90","placed_at":"2026-01-02T03:04:05Z","unknown":1}'
    % str(UUID(int=5)).encode()
)


def test_unknown_fields_are_ignored_and_types_are_read() -> None:
    placed_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert PayloadReader(Order).read(event(ORDER)) == Order(UUID(int=5), Decimal("9.90"), placed_at)
    assert PayloadReader(Struct).read(event(ORDER)) == Struct(Decimal("9.90"))


def test_bytes_are_handed_over_as_they_are() -> None:
    assert PayloadReader(bytes).read(event(b"\x00", content_type="application/avro")) == b"\x00"


def test_tombstone_is_for_those_who_take_none() -> None:
    assert PayloadReader(Order | None).read(event(None)) is None
    with pytest.raises(InvalidPayload, match=r"tombstone .* the handler takes Order: let it take None too"):
        PayloadReader(Order).read(event(None))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b'{"order_id":"x"}', "does not fit Order: Invalid UUID - at `\\$.order_id`"),
        (b"{}", "does not fit Order: Object missing required field `order_id`"),
        (b"{", "does not fit Order: Input data was truncated"),
        (b"\xff", "does not fit Order"),
    ],
)
def test_what_does_not_fit_is_said(data: bytes, complaint: str) -> None:
    with pytest.raises(InvalidPayload, match=complaint):
        PayloadReader(Order).read(event(data))


def test_other_content_types_are_not_read_as_json() -> None:
    with pytest.raises(InvalidPayload, match="its content type is text/csv; only JSON can be read as Order"):
        PayloadReader(Order).read(event(ORDER, content_type="text/csv"))
    assert PayloadReader(Order).read(event(ORDER, content_type="application/vnd.shop+json; charset=utf-8"))


def no_parameter() -> None: ...
def not_annotated(order) -> None: ...  # type: ignore[no-untyped-def]
def three(order: Order, event: inbox.Event, more: int) -> None: ...
def second_is_no_event(order: Order, event: int) -> None: ...
def keyword_only(*, order: Order) -> None: ...
def unreadable(order: Callable[[], None]) -> None: ...
def unresolvable(order: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
async def asynchronous(order: Order) -> None: ...


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (no_parameter, "must take"),
        (not_annotated, "annotate 'order'"),
        (three, "must take"),
        (second_is_no_event, "its second parameter 'event' must be annotated inbox.Event"),
        (keyword_only, "must take"),
        (unreadable, "cannot be read from JSON"),
        (unresolvable, "annotation cannot be resolved"),
        (asynchronous, "is async"),
    ],
)
def test_signature_that_cannot_be_called_is_refused(function: Callable[..., None], complaint: str) -> None:
    with pytest.raises(HandlerError, match=f"{function.__name__}.* {complaint}"):
        Registry().handler("t")(function)


@pytest.mark.parametrize("types", [(), ("",), (no_parameter,)])
def test_handler_without_a_type_is_refused(types: tuple[Any, ...]) -> None:
    with pytest.raises(HandlerError, match="takes the event types as strings"):
        Registry().handler(*types)


async def later(event: inbox.Event) -> None: ...


def one_by_one(event: inbox.Event) -> Iterator[int]:
    yield 1


async def one_by_one_later(event: inbox.Event) -> AsyncIterator[int]:
    yield 1


NEVER_RUN = [later, one_by_one, one_by_one_later]


@pytest.mark.parametrize("function", NEVER_RUN)
def test_handler_whose_call_runs_nothing_is_refused(function: Callable[[inbox.Event], object]) -> None:
    with pytest.raises(HandlerError, match="plain functions"):
        Registry().handler("a")(function)
    registry = Registry()

    @registry.handler("a")
    def wrapped(event: inbox.Event) -> Any:
        return function(event)

    with pytest.raises(HandlerError, match="which nobody runs"):
        registry.of()["a"](event(b""), (event(b""),))


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_copy_of_the_process_that_a_handler_makes_ends_with_the_handler() -> None:
    """It has the connections of the consumer, so it may neither commit nor read on."""
    registry, parent, (out, into) = Registry(), os.getpid(), os.pipe()

    @registry.handler("a")
    def forks(event: inbox.Event) -> None:
        if child := os.fork():
            assert os.waitpid(child, 0)[1] == 0

    record = ConsumerRecord(topic="t", partition=0, offset=0, key=None, value=b"")
    handler = registry.of()["a"]
    call = Delivery(record=record, identity=Identity("/s", "1"), event=event(b""), handlers=[handler])
    try:
        Routes({}).read([call])[0].run()
    finally:
        os.write(into, b"left ")
        if os.getpid() != parent:
            os._exit(0)
    os.close(into)
    with os.fdopen(out) as left:
        assert left.read() == "left "


def test_second_handler_of_a_type_is_refused() -> None:
    registry = Registry()

    @registry.handler("shop.order.placed")
    def first(order: Order) -> None: ...

    with pytest.raises(HandlerError, match=r"shop.order.placed is handled by .*first and again by .*second"):

        @registry.handler("shop.order.placed")
        def second(order: Order) -> None: ...


def test_consumer_takes_the_handlers_of_its_modules() -> None:
    registry = Registry()

    @registry.handler("a")
    def here(order: Order) -> None: ...

    assert set(registry.of([__name__])) == {"a"}
    assert set(registry.of([__name__.rpartition(".")[0]])) == {"a"}
    assert set(registry.of([__name__[:-1]])) == set()
    assert set(registry.of()) == {"a"}


def test_handler_may_take_the_envelope_alone() -> None:
    registry = Registry()
    seen: list[inbox.Event] = []

    @registry.handler("*")
    def log(event: inbox.Event) -> None:
        seen.append(event)

    handler = registry.of()["*"]
    handler(event(b"not read"), handler.arguments(event(b"not read")))
    assert [e.data for e in seen] == [b"not read"]
