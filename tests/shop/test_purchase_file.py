"""Reading recorded purchases."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.errors import BadPurchaseLine, PurchaseFileError
from shop.models import Product
from shop.purchases import history, people
from shop.purchases.writer import lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "purchases.txt"


def test_the_master_s_four_columns_are_read_past_the_header(path: Path) -> None:
    path.write_bytes(
        b" customer_id  date number_of_cds  dollar_value\r\n"
        b" 00001 19970101  1   11.77\r\n 00002 19970112  5   77.00\r\n\r\n"
    )
    first, second = history.read(path)
    assert (first.customer, first.cds, first.dollars) == (1, 1, Decimal("11.77"))
    assert second.at.isoformat() == "1997-01-12T12:00:00+00:00"


def test_the_sample_s_own_customer_numbers_are_passed_over(path: Path) -> None:
    path.write_bytes(b" 00021 0002 19970101  3   63.34\r\n")
    (purchase,) = history.read(path)
    assert (purchase.customer, purchase.cds) == (21, 3)


def test_purchases_come_in_the_order_of_their_dates_and_never_two_of_a_customer_at_once(path: Path) -> None:
    path.write_text("2 19970301 1 1.00\n1 19970201 1 2.00\n2 19970301 1 3.00\n1 19970301 1 4.00\n")
    assert [(p.customer, str(p.dollars), p.at.minute) for p in history.read(path)] == [
        (1, "2.00", 0),
        (2, "1.00", 0),
        (1, "4.00", 0),
        (2, "3.00", 1),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("00001 19970101 1", "3 columns instead of 4"),
        ("one 19970101 1 11.77", "'one' is no customer number"),
        ("00001 19970231 1 11.77", "'19970231' is no date"),
        ("00001 1997-02-01 1 11.77", "'1997-02-01' is no date"),
        ("00001 19970101 0 11.77", "'0' is no number of CDs"),
        ("00001 19970101 1 -11.77", "'-11.77' is no amount of dollars"),
        ("00001 19970101 1 11,77", "'11,77' is no amount of dollars"),
        ("00001 19970101 1 1e9", "'1e9' is no amount of dollars"),
        ("00001 19970101 1 123456789.00", "is no amount of dollars"),
        ("0000\xff 19970101 1 11.77", "is no customer number"),
        ("customer_id date number_of_cds dollar_value", "'customer_id' is no customer number"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_the_remedy(path: Path, line: str, problem: str) -> None:
    path.write_bytes(b"00001 19970101 1 11.77\n" + line.encode("latin-1") + b"\n")
    with pytest.raises(BadPurchaseLine) as error:
        history.read(path)
    message = str(error.value)
    assert f"{path}, line 2: " in message
    assert problem in message
    assert "nothing was imported" in message


def test_a_file_that_is_missing_or_empty_is_named(path: Path) -> None:
    with pytest.raises(PurchaseFileError, match=r"purchases\.txt: No such file"):
        history.read(path)
    path.write_text("\n")
    with pytest.raises(PurchaseFileError, match="holds no purchases"):
        history.read(path)


@given(cents=st.integers(0, 10**10 - 1), cds=st.integers(1, 99_999))
def test_the_lines_of_a_purchase_add_up_to_the_cent(cents: int, cds: int) -> None:
    purchase = history.Purchase(1, datetime(1997, 1, 1, tzinfo=UTC), cds, Decimal(cents).scaleb(-2))
    spread = lines(purchase, [Product(name="one"), Product(name="other")])
    assert sum(line.amount for line in spread) == purchase.dollars
    assert sum(line.quantity for line in spread) == cds


def test_customers_have_names_that_stay() -> None:
    assert people.name(4) == people.name(4)
    assert people.username(4) == "cdnow00004"
    assert people.email(23570) == "cdnow23570@example.com"
    assert len({people.name(number) for number in range(2357)}) == 2357
