"""A field holds what it declares: the value is converted without loss, or the event is refused."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, Optional, TypeVar
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.db.models import F, Value
from django.db.models.functions import Now
from django.utils.functional import SimpleLazyObject, lazystr
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

import outbox
from outbox.write.encode import encode
from tests.outbox.declaring import Money, written
from tests.testapp.models import Parcel

Code = NewType("Code", str)
T = TypeVar("T")


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Shape(enum.Enum):
    ROUND = Decimal("1.50")


@dataclass
class Line:
    product: int
    price: Money


@dataclass
class Node:
    name: str
    children: list[Node]


PLUS_TWO = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [
        (str, "a", "a"),
        (str, mark_safe("<b>"), "<b>"),
        (str, Colour.RED, "red"),
        (Code, "a", "a"),
        (int, 7, 7),
        (int, "7", 7),
        (int, "-7", -7),
        (int, Decimal("7.00"), 7),
        (int, Size.BIG, 3),
        (float, 1, 1.0),
        (float, "1.5", 1.5),
        (Decimal, Decimal("1.50"), "1.50"),
        (Decimal, 10, "10"),
        (Decimal, "1.5", "1.5"),
        (Decimal, Decimal("1E+2"), "100"),
        (Decimal, Decimal("1E-7"), "0.0000001"),
        (Decimal, Decimal("-0.0"), "0.0"),
        (Money, Decimal("1.5"), "1.50"),
        (Money, Decimal("1.500"), "1.50"),
        (Money, 10, "10.00"),
        (Money, "10", "10.00"),
        (Money, Decimal("-0"), "0.00"),
        (Money, Decimal("1E+3"), "1000.00"),
        (Money, Decimal("12345678901234567890123456789012345.67"), "12345678901234567890123456789012345.67"),
        (Annotated[Decimal, outbox.Places(0)], Decimal("5.00"), "5"),
        (Annotated[Decimal, outbox.Places(8)], Decimal("0E-8"), "0.00000000"),
        (Annotated[Decimal, outbox.Places(8)], Decimal("1E-8"), "0.00000001"),
        (Annotated[Decimal | None, outbox.Places(2)], None, None),
        (Annotated[Decimal | None, outbox.Places(2)], 3, "3.00"),
        (Money | None, Decimal(3), "3.00"),
        (Annotated[NewType("Rate", Decimal), outbox.Places(2)], Decimal("1.5"), "1.50"),
        (Annotated[NewType("Rate", Decimal) | None, outbox.Places(2)], Decimal("1.5"), "1.50"),
        (datetime, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000000Z"),
        (datetime, datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=PLUS_TWO), "2026-01-02T01:04:05.000060Z"),
        (datetime, "2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05.000000Z"),
        (datetime, "2026-01-02t03:04:05.5z", "2026-01-02T03:04:05.500000Z"),
        (datetime | None, datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (date, date(2026, 1, 2), "2026-01-02"),
        (date, "2026-01-02", "2026-01-02"),
        (time, time(1, 2), "01:02:00.000000"),
        (timedelta, timedelta(minutes=5), "PT300S"),
        (UUID, UUID(int=10), "00000000-0000-0000-0000-00000000000a"),
        (UUID, "0000000000000000000000000000000A", "00000000-0000-0000-0000-00000000000a"),
        (bytes, memoryview(b"\xff"), "/w=="),
        (bool, True, True),
        (Colour, Colour.RED, "red"),
        (Colour, "red", "red"),
        (Shape, Shape.ROUND, "1.50"),
        (Literal["a", 1], "a", "a"),
        (Literal["red"], Colour.RED, "red"),
        (Optional[int], None, None),  # noqa: UP045
        (int | str, "12", "12"),
        (int | str, 12, 12),
        (int | str, mark_safe("12"), "12"),
        (Decimal | str, "12", "12"),
        (list[Money], [1, "2", Decimal(3)], ["1.00", "2.00", "3.00"]),
        (tuple[int, ...], (1, 2), [1, 2]),
        (tuple[int, str], (1, "a"), [1, "a"]),
        (Sequence[int], (1, 2), [1, 2]),
        (set[str], {"b", "a"}, ["a", "b"]),
        (frozenset[UUID], frozenset({UUID(int=2), UUID(int=1)}), [str(UUID(int=1)), str(UUID(int=2))]),
        (dict[str, Money], {"b": 1, "a": 2}, {"a": "2.00", "b": "1.00"}),
        (Mapping[UUID, int], {UUID(int=1): 1}, {str(UUID(int=1)): 1}),
        (dict[Colour, int], {Colour.RED: 1}, {"red": 1}),
        (list, [1, "a"], [1, "a"]),
        (Any, {"a": [Decimal("1.0"), date(2026, 1, 2)]}, {"a": ["1.0", "2026-01-02"]}),
        (T, "a", "a"),
        (Line, Line(1, Decimal(2)), {"product": 1, "price": "2.00"}),
        (list[Line], [Line(1, Decimal(2))], [{"product": 1, "price": "2.00"}]),
        (Line | None, Line(1, Decimal(2)), {"product": 1, "price": "2.00"}),
        (Node, Node("a", [Node("b", [])]), {"name": "a", "children": [{"name": "b", "children": []}]}),
    ],
)
def test_is_converted_without_loss(declared: Any, value: object, expected: object) -> None:
    assert written(declared, value) == expected


@pytest.mark.parametrize(
    ("declared", "value", "type_name"),
    [
        (str, 7, "int"),
        (str, None, "NoneType"),
        (str, UUID(int=1), "UUID"),
        (str, b"a", "bytes"),
        (str, Size.BIG, "Size"),
        (int, True, "bool"),
        (int, "seven", "str"),
        (int, "1.5", "str"),
        (int, 1.0, "float"),
        (int, Decimal("1.5"), "Decimal"),
        (int, None, "NoneType"),
        (float, True, "bool"),
        (float, Decimal("0.1"), "Decimal"),
        (float, 2**60, "int"),
        (Decimal, "ten", "str"),
        (Decimal, "", "str"),
        (Decimal, " 1", "str"),
        (Decimal, "1_000", "str"),
        (Decimal, "٣", "str"),
        (Decimal, 0.1, "float"),
        (Decimal, True, "bool"),
        (Decimal, Decimal("1E+999999"), "Decimal"),
        (Money, Decimal("1.005"), "Decimal"),
        (Money, "1.001", "str"),
        (bool, 1, "int"),
        (bool, "true", "str"),
        (datetime, datetime(2026, 1, 2), "datetime"),
        (datetime, "2026-01-02T03:04:05", "str"),
        (datetime, "2026-13-02T03:04:05Z", "str"),
        (datetime, date(2026, 1, 2), "date"),
        (datetime, 1767322800, "int"),
        (date, datetime(2026, 1, 2, tzinfo=UTC), "datetime"),
        (date, "20260102", "str"),
        (UUID, "1", "str"),
        (UUID, 1, "int"),
        (Colour, "blue", "str"),
        (Size, True, "bool"),
        (Literal["a", 1], True, "bool"),
        (int | None, "x", "str"),
        (int | str, 1.5, "float"),
        (list[str], "abc", "str"),
        (list[int], {1}, "set"),
        (list[int], (n for n in (1,)), "generator"),
        (tuple[int, str], (1,), "tuple"),
        (dict[str, int], [("a", 1)], "list"),
        (Line, {"product": 1, "price": "2"}, "dict"),
    ],
)
def test_what_could_lose_something_is_refused_by_the_type_of_its_value(
    declared: Any, value: object, type_name: str
) -> None:
    with pytest.raises(outbox.InvalidField, match=rf"Sample\.value is a {type_name}: .+\. .+") as caught:
        written(declared, value)
    assert not isinstance(caught.value, outbox.NotEncodable)


@pytest.mark.parametrize(
    "declared", [str, Any, Decimal, int, float, bool, datetime, str | None, int | str, Colour]
)
@pytest.mark.parametrize(
    "value",
    [
        F("total") + 1,
        F("total"),
        Now(),
        Value(1),
        lazystr("late"),
        gettext_lazy("Order"),
        SimpleLazyObject(lambda: "user"),
        SimpleLazyObject(lambda: Parcel(code="a")),
        ContentFile(b"x", "a.txt"),
        Parcel(code="a"),
        Parcel.objects.all(),
        Parcel.objects,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_plain_data_is_refused_whatever_is_declared(declared: Any, value: object) -> None:
    with pytest.raises(outbox.NotEncodable, match=rf"Sample\.value is a {type(value).__qualname__}: "):
        written(declared, value)


@pytest.mark.parametrize("declared", [float, Decimal, Money, Any, float | None])
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_refused(declared: Any, text: str) -> None:
    for value in (float(text), Decimal(text)):
        with pytest.raises(outbox.InvalidField, match=r"Sample\.value"):
            written(declared, value)


def test_the_path_leads_to_the_innermost_value() -> None:
    with pytest.raises(outbox.InvalidField, match=r"^Sample\.value\[1\]\['a'\]\.price is a str: Decimal"):
        written(list[dict[str, Line]], [{}, {"a": Line(1, "x")}])  # type: ignore[arg-type]


def test_a_missing_field_is_refused() -> None:
    line = Line.__new__(Line)
    line.product = 1
    with pytest.raises(outbox.InvalidField, match=r"Line\.price .*missing"):
        encode(line)


def test_the_key_is_the_text_of_the_converted_value() -> None:
    @outbox.event("test.upper", topic="t", key="id")
    @dataclass
    class Keyed:
        id: UUID

    from outbox.write.row import NewRow

    entry = NewRow.of(Keyed("0000000000000000000000000000000A"))  # type: ignore[arg-type]
    assert entry.key == "00000000-0000-0000-0000-00000000000a"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2))
def test_places_keep_every_decimal_as_it_is(value: Decimal) -> None:
    text = written(Money, value)
    assert Decimal(text) == value
    assert text.partition(".")[2].isdigit()
    assert len(text.partition(".")[2]) == 2


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)))
def test_every_moment_has_one_form(value: datetime) -> None:
    text = written(datetime, value)
    assert datetime.fromisoformat(text) == value.astimezone(UTC)
    assert len(text) == len("2026-01-02T03:04:05.000000Z")
    assert text == written(datetime, value.astimezone(UTC))
