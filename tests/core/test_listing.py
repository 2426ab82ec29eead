"""A listing fits the terminal, whatever its names are."""

from __future__ import annotations

import pytest

from outbox_core.operations.listing import Listing, lines, render
from outbox_core.operations.report import Table

WIDE = Table(["EVENT", "TOPIC"], [["shop.customer.registered", "shop.customers"], ["x" * 30, "t"]])


def test_a_table_that_fits_has_one_line_a_row() -> None:
    assert list(lines(WIDE, 80))[:2] == [
        "EVENT                           TOPIC",
        "shop.customer.registered        shop.customers",
    ]


@pytest.mark.parametrize("width", range(24, 50))
def test_no_line_is_wider_than_the_terminal_and_no_character_is_lost(width: int) -> None:
    shown = list(lines(WIDE, width))
    assert max(map(len, shown)) <= width
    assert sorted("".join(shown).replace(" ", "")) == sorted("".join(map("".join, [WIDE.head, *WIDE.rows])))


def test_a_cell_is_folded_at_a_space_or_behind_a_separator() -> None:
    table = Table(["A"], [["one two.three"], ["shop.customer.registered"]])
    assert list(lines(table, 10)) == ["A", "one", "two.three", "shop.", "customer.", "registered"]


def test_control_characters_are_escaped() -> None:
    assert list(lines(Table(["A"], [["\x1b[2J"]]), 80))[1] == "\\x1b[2J"


def test_what_has_no_row_is_said() -> None:
    assert list(render(Listing(tables=[Table(["A"], [])], empty="Nothing.", data={}), 80)) == ["Nothing."]
