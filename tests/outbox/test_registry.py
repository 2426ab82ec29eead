"""``@outbox.event`` refuses at import what could not work later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import attrs
import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured

import outbox
from outbox.write.registry import registry


@dataclass
class Thing:
    name: str


def test_registers_the_class_and_leaves_it_as_it_is() -> None:
    assert outbox.event("test.thing", topic="things", key="name")(Thing) is Thing
    event_type = registry.of(Thing("a"))
    assert (event_type.name, event_type.topic, event_type.key, event_type.version) == (
        "test.thing",
        "things",
        "name",
        1,
    )


def test_takes_a_msgspec_struct() -> None:
    @outbox.event("test.thing", topic="things", key="name")
    class Struct(msgspec.Struct):
        name: str

    assert Struct in registry


def test_takes_an_attrs_class() -> None:
    @outbox.event("test.thing", topic="things", key="name")
    @attrs.frozen
    class Attrs:
        name: str

    assert Attrs in registry


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("", {}, "type name ''"),
        ("two words", {}, "type name 'two words'"),
        ("dots..dots", {}, r"type name 'dots\.\.dots'"),
        ("*", {}, r"type name '\*'"),
        ("x" * 256, {}, "type name"),
        ("test.thing", {"topic": ""}, "topic ''"),
        ("test.thing", {"topic": "a/b"}, "topic 'a/b' is not allowed; use 1 to 249 of"),
        ("test.thing", {"topic": ".."}, r"topic '\.\.'"),
        ("test.thing", {"topic": "x" * 250}, "topic"),
        ("test.thing", {"topic": "ü"}, "topic 'ü'"),
        ("test.thing", {"topic": "things\n"}, "topic"),
        ("test.thing", {"key": "nam"}, r"key 'nam' is not allowed; use one of its fields \(name\)"),
        ("test.thing", {"subject": "title"}, "subject 'title'"),
        ("test.thing", {"version": 0}, "version 0"),
        ("test.thing", {"version": True}, "version True"),
        ("test.thing", {"version": "1"}, "version '1'"),
        ("test.thing", {"dataschema": "a b"}, "dataschema 'a b'"),
        ("test.thing", {"dataschema": "a\x00b"}, "dataschema"),
        ("test.thing", {"dataschema": "http://ü"}, "dataschema"),
        ("test.thing", {"dataschema": 5}, "dataschema 5"),
        (None, {}, "type name None"),
        ("test.thing", {"topic": None}, "topic None"),
        ("test.thing", {"key": None}, "key None"),
        ("test.thing", {"key": ("name", "id")}, r"key \('name', 'id'\) .* or a function of the event"),
        ("test.thing", {"subject": 5}, "subject 5"),
        ("test.thing", {"attributes": ["tenant"]}, r"attributes \['tenant'\]"),
        ("test.thing", {"attributes": {"tenant": 5}}, "attribute tenant 5"),
        ("test.thing", {"tombstone": "no"}, "tombstone 'no'"),
        ("test.thing", {"serialize": 1}, "serialize 1"),
    ],
)
def test_refuses(name: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"@outbox\.event of .*Thing: {message}"):
        outbox.event(name, **{"topic": "things", "key": "name", **options})(Thing)
    assert Thing not in registry


def test_refuses_a_type_that_is_taken_and_names_both_classes() -> None:
    outbox.event("test.thing", topic="things", key="name")(Thing)

    @dataclass
    class Other:
        name: str

    with pytest.raises(ImproperlyConfigured, match=r"Other: .*Thing is registered as 'test\.thing' already"):
        outbox.event("test.thing", topic="things", key="name")(Other)


def test_refuses_a_class_that_has_a_type() -> None:
    outbox.event("test.thing", topic="things", key="name")(Thing)
    with pytest.raises(ImproperlyConfigured, match="One class has one type"):
        outbox.event("test.thing.too", topic="things", key="name")(Thing)


class Pair(NamedTuple):
    name: str


@pytest.mark.parametrize("cls", [Pair, dict, int, object])
def test_refuses_a_class_without_named_fields(cls: type) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"neither a dataclass, nor a msgspec\.Struct"):
        outbox.event("test.thing", topic="things", key="name")(cls)


def test_refuses_to_be_used_without_a_type() -> None:
    bare: Any = outbox.event
    with pytest.raises(ImproperlyConfigured, match="lacks its arguments"):

        @bare
        @dataclass
        class Bare:
            name: str
