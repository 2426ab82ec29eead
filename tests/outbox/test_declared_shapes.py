"""Declared types that are made of others: each part is enforced, whatever it is put together with."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, make_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import attr
import msgspec
import pydantic
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import mark_safe
from msgspec import Meta

import outbox
from outbox.declared import Places, problems
from outbox.write.encode import encode
from tests.outbox.declaring import HUGE, event, written

T = TypeVar("T")
TextOrNumber = TypeVar("TextOrNumber", int, str)


@dataclass
class Page(Generic[T]):
    items: list[T]
    first: Optional[T] = None  # noqa: UP045


@dataclass
class IntPage(Page[int]):
    pass


class Envelope(msgspec.Struct, Generic[T]):
    content: T


class Line(NamedTuple):
    sku: str
    quantity: int


class Address(TypedDict):
    city: str
    zip: NotRequired[int]


class Unlimited(msgspec.Struct):
    count: int


class Unwritable(enum.Enum):
    THING = object()


@attr.s
class OldAttrs:
    count = attr.ib(type=int)


class Skus(pydantic.RootModel[list[int]]):
    pass


class Boxes(pydantic.RootModel[list[Skus]]):
    pass


class Account(pydantic.BaseModel):
    name: str
    password: str = pydantic.Field("secret", exclude=True)


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [
        (list[int] | list[str], ["a"], ["a"]),
        (list[int] | list[str], ["7"], ["7"]),
        (list[int] | list[str], [7], [7]),
        (list[float] | list[int], [1], [1]),
        (list[int] | list[Decimal], [Decimal("1.5")], ["1.5"]),
        (dict[str, int] | dict[str, str], {"a": "b"}, {"a": "b"}),
        (tuple[int] | tuple[int, str], (1, "a"), [1, "a"]),
        (Literal["auto"] | str, "b", "b"),
        (Literal["auto"] | Literal["off"], "off", "off"),
        (Literal["auto"] | Any, "b", "b"),
        (Page[int], Page(["7"], 8), {"items": [7], "first": 8}),  # type: ignore[misc]
        (Page[Page[int]], Page([Page(["7"])]), {"items": [{"items": [7], "first": None}], "first": None}),
        (IntPage, IntPage(["7"]), {"items": [7], "first": None}),  # type: ignore[list-item]
        (Page, Page(["7"]), {"items": ["7"], "first": None}),
        (Envelope[UUID], Envelope(str(UUID(int=10)).upper()), {"content": str(UUID(int=10))}),
        (TextOrNumber, "a", "a"),
        (Final[int], "7", 7),
        (Line, Line("a", "2"), ["a", 2]),  # type: ignore[arg-type]
        (Line, ("a", 2), ["a", 2]),
        (Address, {"zip": "7", "city": "B"}, {"city": "B", "zip": 7}),
        (Address, {"city": mark_safe("B")}, {"city": "B"}),
        (OldAttrs, OldAttrs("7"), {"count": 7}),  # type: ignore[arg-type]
        (Account, Account(name="a"), {"name": "a"}),  # type: ignore[call-arg]
        (Skus, Skus([7]), [7]),
        (list[Boxes], [Boxes([Skus([7]), Skus([])])], [[[7], []]]),
        (Skus | None, Skus([]), []),
        (Any, {"skus": Skus([7])}, {"skus": [7]}),
        (set[int], {"7", 7}, [7]),
        (Annotated[str, Meta(max_length=2)] | None, mark_safe("ab"), "ab"),
        (Annotated[int | None, Meta(ge=0)], None, None),
        (Annotated[datetime, Meta(tz=True)], datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00.000000Z"),
        (
            dict[datetime, int],
            {datetime(2026, 1, 1, microsecond=5, tzinfo=UTC): 1},
            {"2026-01-01T00:00:00.000005Z": 1},
        ),
    ],
)
def test_each_part_is_converted(declared: Any, value: object, expected: object) -> None:
    assert written(declared, value) == expected
    assert repr(written(declared, value)) == repr(expected)


@pytest.mark.parametrize(
    ("declared", "value", "path"),
    [
        (list[int] | list[float], ["a"], "Sample.value is a list"),
        (list[int] | None, ["a"], r"Sample.value\[0\] is a str"),
        (Literal["auto"] | int, "b", "Sample.value is a str"),
        (
            Skus,
            Skus.model_construct(["a"]),  # type: ignore[list-item]
            r"Sample.value\[0\] is a str",
        ),
        (Skus, [7], "Sample.value is a list"),
        (Page[int], Page(["a"]), r"Sample.value.items\[0\] is a str"),
        (IntPage, IntPage([], "a"), r"Sample.value.first is a str"),  # type: ignore[arg-type]
        (Envelope[Page[int]], Envelope(Page(["a"])), r"Sample.value.content.items\[0\] is a str"),
        (TextOrNumber, 1.5, "Sample.value is a float"),
        (Line, Line(1, 2), "Sample.value.sku is a int"),  # type: ignore[arg-type]
        (Line, ("a",), "Sample.value is a tuple"),
        (Address, {"zip": 1}, r"Sample.value\['city'\] is a NoneType: it is missing"),
        (Address, {"city": "B", "street": "C"}, r"Sample.value\['street'\] is a str"),
        (Address, {"city": 1}, r"Sample.value\['city'\] is a int"),
        (Mapping[str, Address], {"a": {}}, r"Sample.value\['a'\]\['city'\] is a NoneType: it is missing"),
        (OldAttrs, OldAttrs("a"), "Sample.value.count is a str"),  # type: ignore[arg-type]
        (Unwritable, Unwritable.THING, "Sample.value is a Unwritable"),
        (int, HUGE, "Sample.value is a int"),
        (Any, [HUGE], r"Sample.value\[0\] is a int"),
        (dict[Any, int], {b"x": 1}, "a key of it is a bytes"),
        (Annotated[str, Meta(max_length=2)], "abc", "Sample.value is a str: str of length <= 2"),
        (Annotated[int, Meta(ge=0)] | None, "-5", "Sample.value is a str: int >= 0"),
        (list[Annotated[float, Meta(gt=0)]], [0], r"Sample.value\[0\] is a int: float > 0"),
        (
            Annotated[dict[str, int], Meta(max_length=1)],
            {"a": 1, "b": 2},
            "Sample.value is a dict: object of",
        ),
    ],
)
def test_each_part_is_refused_by_its_path(declared: Any, value: object, path: str) -> None:
    with pytest.raises(outbox.InvalidField, match=path):
        written(declared, value)


@pytest.mark.parametrize(
    ("declared", "value", "path"),
    [
        (Any, QueryDict("a=1&a=2"), "Sample.value is a QueryDict: one key of it may have several values"),
        (dict[str, Any], {"form": QueryDict("a=1")}, r"Sample.value\['form'\] is a QueryDict"),
        (dict[str, str], MultiValueDict({"a": ["1", "2"]}), "Sample.value is a MultiValueDict"),
        (Address, QueryDict("city=B"), "Sample.value is a QueryDict"),
        (list[Any], [QueryDict("a=1")], r"Sample.value\[0\] is a QueryDict"),
    ],
)
def test_a_dict_whose_keys_may_have_several_values_is_refused(
    declared: Any, value: object, path: str
) -> None:
    with pytest.raises(outbox.NotEncodable, match=path):
        written(declared, value)


@pytest.mark.parametrize(
    "declared",
    [
        Unwritable,
        Literal[Unwritable.THING],
        dict[bytes, int],
        dict[float, int],
        Annotated[Decimal, Meta(max_length=3)],
        Annotated[Decimal | str, Places(2), Meta(ge=0)],
        Annotated[list[Decimal], Places(2)],
        Annotated[list[int], Meta(ge=0)],
        Annotated[Any, Meta(ge=0)],
        Annotated[Unlimited, Meta(max_length=1)],
    ],
)
def test_what_has_no_form_in_json_is_found_by_the_check(declared: Any) -> None:
    (problem,) = problems(event(declared))
    assert "Sample.value" in problem


@dataclass
class Tree:
    price: Decimal
    branches: list[Branch]


@dataclass
class Branch:
    price: Decimal
    trees: list[Tree]


def test_the_first_events_of_a_class_may_be_written_by_several_threads(
    request: pytest.FixtureRequest,
) -> None:
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            cls = make_dataclass(f"Sample{number}", [(f"value{place}", Decimal) for place in range(12)])
            instance = cls(*[Decimal(number)] * 12)
            assert len({*pool.map(encode, [instance] * 4)}) == 1


def test_classes_that_contain_each_other_are_converted_from_either_side() -> None:
    tree = Tree(Decimal(1), [Branch(Decimal(2), [])])
    assert json.loads(encode(Branch(Decimal(3), [tree]))) == {
        "price": "3",
        "trees": [{"price": "1", "branches": [{"price": "2", "trees": []}]}],
    }


def test_a_class_without_names_for_its_fields_is_no_event() -> None:
    with pytest.raises(ImproperlyConfigured, match="Skus is a RootModel, which has no fields"):
        outbox.event("test.skus", topic="t", key="root")(Skus)
