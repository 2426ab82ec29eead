"""A test of a user's project."""

from app.events import OrderPlaced
from inbox.testing import MemoryConsumer
from outbox.testing import assert_emitted, captured_events
from relay.publishers.memory import MemoryPublisher
from relay.testing import drain


def test_order() -> None:
    with captured_events() as events:
        pass
    assert events.types == ["app.order.placed"]
    assert_emitted(OrderPlaced, key=1, payload__contains={"total": "9.99"})
    publisher = MemoryPublisher()
    assert drain(publisher) == publisher.records
    consumer = MemoryConsumer("crm")
    consumer.send("app.order.placed", {"order_id": 1, "total": "9.99"}, key="1")
    consumer.drain()
