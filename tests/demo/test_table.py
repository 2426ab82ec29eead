"""The table at the end of the demo."""

from __future__ import annotations

from decimal import Decimal

from demo.reconcile import answers, judge, rows, table
from demo.reconcile.figures import Row
from demo.reconcile.table import UNKNOWN
from tests.demo.world import KNOWN, agreeing

NARROW = 77


def test_each_service_counts_for_itself() -> None:
    by_label = {row.label: row.values for row in rows(agreeing())}
    assert by_label["customers"] == (2, 2, 2, 2, 2)
    assert by_label["purchases"] == (3, 3, 3, 3, None)
    assert by_label["dollars"] == (*[Decimal("35.00")] * 4, None)
    assert by_label["order.cancelled"] == (1, 1, None, 1, None)


def test_figures_stand_below_each_other_and_unknown_ones_are_a_dash() -> None:
    text = table([Row("dollars", (Decimal("1234.5"), 1, None, 2, 33)), Row("x", (1, 2, 3, 4, None))])
    assert text.splitlines()[2:] == [
        f"dollars 1,234.50     1   {UNKNOWN}         2       33",
        f"x              1     2   3         4        {UNKNOWN}",
    ]


def test_the_table_of_all_purchases_is_no_wider_than_a_terminal() -> None:
    money = Decimal("2500315.63")
    text = table(
        [Row("dollars", (money, money, money, money, None)), Row("deployment.migrated", (1, 1, None, 1, 1))]
    )
    assert max(map(len, text.splitlines())) <= 80


def test_the_answers_are_no_wider_than_a_terminal() -> None:
    assert max(map(len, answers(judge(agreeing(), KNOWN)).splitlines())) <= NARROW
