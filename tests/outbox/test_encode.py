"""Event -> JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pytest
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

from outbox.errors import NotEncodable
from outbox.write.encode import encode


@dataclass
class Box:
    content: Any = None
    more: dict[Any, Any] = field(default_factory=dict)


class Struct(msgspec.Struct):
    content: Any


@attrs.define
class Attrs:
    content: Any


class Late(datetime):
    """As freezegun replaces datetime."""


class Unknown:
    pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.50"), '"1.50"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), '"2026-01-02T03:04:05.000006Z"'),
        (Late(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00.000000Z"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (timedelta(minutes=5), '"PT300S"'),
        (mark_safe("<b>"), '"<b>"'),
        ("a\x00b", '"a\\u0000b"'),
        ((1, 2.5, None, True), "[1,2.5,null,true]"),
        (Box(Struct(Attrs("deep"))), '{"content":{"content":{"content":"deep"}},"more":{}}'),
        (b"\xff", '"/w=="'),
    ],
)
def test_value(value: object, text: str) -> None:
    assert encode(Box(value)).decode() == f'{{"content":{text},"more":{{}}}}'


@pytest.mark.parametrize("kind", [Box, Struct, Attrs])
def test_any_kind_of_class(kind: type) -> None:
    assert json.loads(encode(kind("a")))["content"] == "a"


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (Box(Unknown()), r"Box\.content is a Unknown"),
        (Box([1, {"a": (Unknown(),)}]), r"Box\.content\[1\]\['a'\]\[0\] is a Unknown"),
        (Box(Struct(Attrs(Unknown()))), r"Box\.content\.content\.content is a Unknown"),
        (Box(more={(1, 2): 3}), r"Box\.more is a dict"),
        (Box("\ud800"), r"Box\.content is not valid Unicode"),
        (Struct({1, 2, "\udfff"}), r"Struct\.content\[\d\] is not valid Unicode"),
        (Unknown(), r"Unknown is a Unknown"),
    ],
)
def test_what_has_no_json_form_is_named_by_its_path(event: object, path: str) -> None:
    with pytest.raises(NotEncodable, match=path):
        encode(event)


@dataclass
class Node:
    child: Node | list[Node] | None
    more: Any = None


class Counted(list[Any]):
    """Counts how often it is read."""

    read = 0

    def __iter__(self) -> Iterator[Any]:
        self.read += 1
        return super().__iter__()


def nested(kind: str, depth: int, leaf: Any) -> Box:
    for _ in range(depth):
        leaf = {"list": [leaf], "dict": {"a": leaf}, "class": Node(None, leaf)}[kind]
    return Box(leaf)


@pytest.mark.parametrize("kind", ["list", "dict", "class"])
def test_what_is_refused_is_looked_at_once_however_deep_it_is(kind: str) -> None:
    leaf = Counted([Unknown()])
    with pytest.raises(NotEncodable, match="is a Unknown"):
        encode(nested(kind, 6, leaf))
    assert leaf.read == 1


def test_the_types_of_a_union_are_tried_once_each() -> None:
    leaf = Counted([Unknown()])
    node = Node(None, leaf)
    for _ in range(6):
        node = Node(node)
    with pytest.raises(NotEncodable, match=r"^Node(\.child){6}\.more\[0\] is a Unknown"):
        encode(node)
    assert leaf.read == 1


def test_what_contains_itself_is_named_too() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotEncodable, match=r"Box\.content is a list"):
        encode(Box(endless))
    node = Node(None)
    node.child = node
    with pytest.raises(NotEncodable, match=r"^Node\.child is a Node: it contains itself"):
        encode(node)


@given(st.dictionaries(st.text(), st.integers()))
def test_the_members_of_an_object_are_sorted(value: dict[str, int]) -> None:
    assert list(json.loads(encode(Box(value)))["content"].items()) == sorted(value.items())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(values)
def test_what_json_can_say_comes_back_as_it_was_or_is_refused(value: object) -> None:
    try:
        payload = encode(Box(value))
    except NotEncodable:
        with pytest.raises(UnicodeEncodeError):  # the only reason: half of a surrogate pair
            json.dumps(value, ensure_ascii=False).encode()
    else:
        assert json.loads(payload)["content"] == value
