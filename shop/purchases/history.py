"""Reads a file of recorded purchases."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from shop.errors import BadPurchaseLine, PurchaseFileError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "customer_id"
COLUMNS = (4, 5)  # the sample has the customer's number in the sample as a second column
DOLLARS = re.compile(r"\d{1,8}\.\d{2}")


@dataclass(frozen=True, slots=True)
class Purchase:
    """What one customer bought at one time. A purchase may cost nothing and still counts."""

    customer: int
    at: datetime
    cds: int
    dollars: Decimal


def read(path: Path) -> list[Purchase]:
    """Return the purchases of a file in the order of their dates, each customer's at times of their own.

    The file gives days; a customer's purchases of one day are put a minute apart from noon (UTC) on, as they
    stand in the file. Raises PurchaseFileError or, for a line that is not a purchase, BadPurchaseLine.
    """
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        raise PurchaseFileError(
            f"Cannot read the purchase file {path}: {error.strerror}. Check its name."
        ) from error
    purchases = [
        _purchase(path, number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not (number == 1 and line.split()[0] == HEADER)
    ]
    if not purchases:
        raise PurchaseFileError(f"The purchase file {path} holds no purchases. Name another file.")
    return _apart(sorted(purchases, key=lambda purchase: purchase.at))


def _purchase(path: Path, number: int, line: str) -> Purchase:
    def bad(problem: str) -> BadPurchaseLine:
        return BadPurchaseLine(path, number, line, problem)

    columns = line.split()
    if len(columns) not in COLUMNS:
        raise bad(f"{len(columns)} columns instead of 4 (5 in the sample)")
    customer, day, cds, dollars = columns[0], *columns[-3:]
    if not re.fullmatch(r"\d{1,9}", customer):
        raise bad(f"{customer!r} is no customer number")
    if not re.fullmatch(r"\d{1,5}", cds) or int(cds) == 0:
        raise bad(f"{cds!r} is no number of CDs")
    if not DOLLARS.fullmatch(dollars):
        raise bad(f"{dollars!r} is no amount of dollars")
    if not re.fullmatch(r"\d{8}", day):
        raise bad(f"{day!r} is no date")
    try:
        noon = datetime(int(day[:4]), int(day[4:6]), int(day[6:]), 12, tzinfo=UTC)
    except ValueError as error:
        raise bad(f"{day!r} is no date") from error
    return Purchase(int(customer), noon, int(cds), Decimal(dollars))


def _apart(purchases: list[Purchase]) -> list[Purchase]:
    earlier: Counter[tuple[int, datetime]] = Counter()
    result = []
    for purchase in purchases:
        minutes = earlier[purchase.customer, purchase.at]
        earlier[purchase.customer, purchase.at] += 1
        result.append(replace(purchase, at=purchase.at + timedelta(minutes=minutes)) if minutes else purchase)
    return sorted(result, key=lambda purchase: purchase.at)
