"""Limits of msgspec.Meta on a Decimal: its places and its limits hold together, wherever each is declared."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, NewType

import pytest
from msgspec import Meta
from typing_extensions import TypeAliasType

import outbox
from outbox.declared import Places
from tests.outbox.declaring import written

Number = NewType("Number", Decimal)
Price = NewType("Price", Number)
NotNegative = NewType("NotNegative", Annotated[Decimal, Places(2), Meta(ge=0)])


@pytest.mark.parametrize(
    "declared",
    [
        Annotated[Decimal, Places(2), Meta(ge=0)],
        Annotated[Decimal, Meta(ge=0), Places(2)],
        Annotated[Decimal | None, Places(2), Meta(ge=0)],
        Annotated[Annotated[Decimal, Meta(ge=0)] | None, Places(2)],
        Annotated[Decimal, Places(2), Meta(gt=-1)],
        Annotated[Decimal, Places(2), Meta(ge=0), Meta(le=20)],
        Annotated[Annotated[Decimal, Places(0)], Places(2), Meta(ge=0)],
        NotNegative,
        Annotated[Price, Places(2), Meta(ge=0)],
        Annotated[TypeAliasType("Alias", Price), Places(2), Meta(ge=0)],
        TypeAliasType("Whole", NotNegative),
    ],
)
def test_places_and_limits_of_a_decimal_hold_together(declared: Any) -> None:
    assert written(declared, Decimal("10.5")) == "10.50"
    assert written(dict[str, list[declared]], {"a": [10]}) == {"a": ["10.00"]}
    with pytest.raises(outbox.InvalidField, match=r"Sample.value is a str: Decimal >=? -?\d is declared"):
        written(declared, "-1")
    with pytest.raises(outbox.InvalidField, match=r"Sample.value\['a'\]\[0\] is a int"):
        written(dict[str, list[declared]], {"a": [-1]})


@pytest.mark.parametrize(
    ("limit", "allowed", "refused"),
    [
        (Meta(gt=0), "0.01", "0.00"),
        (Meta(ge=0.1), "0.10", "0.09"),
        (Meta(lt=10), "9.99", "10"),
        (Meta(le=10), "10.00", "10.01"),
        (Meta(multiple_of=0.05), "0.15", "0.16"),
        (Meta(multiple_of=5), "1" + "0" * 40, "1" + "0" * 40 + "1"),
    ],
)
def test_a_decimal_is_compared_as_the_number_that_it_is(limit: Meta, allowed: str, refused: str) -> None:
    for declared in (Annotated[Decimal, limit], Annotated[Decimal, Places(2), limit]):
        assert Decimal(written(declared, Decimal(allowed))) == Decimal(allowed)
        with pytest.raises(outbox.InvalidField, match="limits"):
            written(declared, Decimal(refused))
