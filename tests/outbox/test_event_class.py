"""``outbox.Event``: the base class beside the decorator."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, dataclass
from decimal import Decimal
from typing import Annotated, Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured

import outbox
from outbox.testing import CapturedEvents
from outbox.write.encode import encode
from outbox.write.registry import registry
from outbox.write.row import NewRow
from tests.testapp.events import Note


def test_a_subclass_is_a_frozen_dataclass_and_an_event() -> None:
    class Placed(outbox.Event, type="test.placed", topic="t", key="number", version=2):
        number: int
        total: Annotated[Decimal, outbox.Places(2)] = Decimal(0)

    event = Placed(number=1)
    assert registry[Placed].version == 2
    assert encode(event) == b'{"number":1,"total":"0.00"}'
    assert event == Placed(1, Decimal(0))
    with pytest.raises(FrozenInstanceError):
        event.number = 2  # type: ignore[misc]


def test_a_class_without_type_is_a_base_of_others() -> None:
    class Numbered(outbox.Event, kw_only=True):
        number: int

    class Placed(Numbered, type="test.placed", topic="t", key="number", kw_only=True):
        code: str

    assert Numbered not in registry
    assert NewRow.of(Placed(number=1, code="a")).key == "1"


def test_a_type_needs_topic_and_key() -> None:
    with pytest.raises(TypeError, match="needs topic= and key="):

        class Placed(outbox.Event, type="test.placed"):
            number: int


def test_topic_and_key_need_a_type() -> None:
    with pytest.raises(TypeError, match="without type="):

        class Placed(outbox.Event, topic="t", key="number"):
            number: int


class TestAttributes:
    """Extension attributes of the user's own: from emit(), from the event's type, from the context."""

    def test_of_a_context_travel_with_every_event_inside(self) -> None:
        with outbox.context.attributes(tenant="t1", shard=2), outbox.context.attributes(shard=3):
            assert attributes(Note("a")) == {"tenant": "t1", "shard": "3"}
        assert attributes(Note("a")) == {}

    def test_of_a_context_may_be_functions_that_are_called_when_an_event_is_emitted(self) -> None:
        tenants: list[Any] = [None, "t1", "a\nb"]
        with outbox.context.attributes(tenant=lambda: tenants.pop(0)):
            assert attributes(Note("a")) == {}
            with outbox.context.attributes(shard=2):
                assert attributes(Note("a")) == {"tenant": "t1", "shard": "2"}
            with pytest.raises(outbox.InvalidAttribute, match=r"test\.note: .*tenant"):
                attributes(Note("a"))

    def test_the_nearest_wins(self) -> None:
        own: Any = {"tenant": "owner", "kind": lambda event: "x"}

        @outbox.event("test.owned", topic="t", key="name", attributes=own)
        @dataclass
        class Owned:
            name: str
            owner: str | None

        with outbox.context.attributes(tenant="context"):
            assert attributes(Owned("a", None)) == {"tenant": "context", "kind": "x"}
            assert attributes(Owned("a", "type")) == {"tenant": "type", "kind": "x"}
            assert attributes(Owned("a", "type"), tenant="emit")["tenant"] == "emit"

    @pytest.mark.parametrize(
        "name", ["Tenant", "tenant_id", "", "x" * 21, "ü", "id", "source", "actor", "data"]
    )
    def test_name_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="Attribute"), outbox.context.attributes(**{name: "x"}):
            pass
        with pytest.raises(outbox.InvalidAttribute, match=r"test\.note: Attribute"):
            attributes(Note("a"), **{name: "x"})
        with pytest.raises(ImproperlyConfigured, match="Attribute"):
            outbox.event("test.wrong", topic="t", key="about", attributes={name: "about"})(Note)

    @pytest.mark.parametrize("attributes", [["tenant"], "tenant"])
    def test_anything_but_a_dict_is_refused(self, attributes: Any) -> None:
        with pytest.raises(ValueError, match="not a dict"):
            outbox.context(attributes=attributes)
        with pytest.raises(outbox.InvalidAttribute, match=r"test\.note: .*not a dict"):
            NewRow.of(Note("a"), attributes)

    @pytest.mark.parametrize("value", ["", "a\nb", "\x7f", "\ud800", "x" * 1025, 1.5, b"x", [], "\ufffe"])
    def test_value_is_refused(self, value: object) -> None:
        with pytest.raises(ValueError, match="tenant"), outbox.context.attributes(tenant=value):
            pass
        with pytest.raises(outbox.InvalidAttribute, match=r"test\.note: .*tenant"):
            attributes(Note("a"), tenant=value)

    @pytest.mark.django_db
    def test_reach_the_row(self, outbox_events: CapturedEvents) -> None:
        outbox.emit(Note("a"), attributes={"tenant": "t1"})
        assert outbox_events[0].headers["tenant"] == "t1"


def attributes(event: Any, **given: object) -> dict[str, str]:
    headers: dict[str, str] = json.loads(NewRow.of(event, given or None).headers)
    return headers


@pytest.mark.django_db
def test_an_event_can_be_emitted_from_async_code(outbox_events: CapturedEvents) -> None:
    async def write() -> None:
        await outbox.aemit(Note("a"), Note("b"))

    async_to_sync(write)()
    assert [event.key for event in outbox_events] == ["a", "b"]
