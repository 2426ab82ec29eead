"""Counts what a replay wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(slots=True)
class Tally:
    """What a replay wrote. ``declined`` counts orders that were rolled back and then tried again."""

    customers: int = 0
    purchases: int = 0
    dollars: Decimal = field(default_factory=Decimal)
    declined: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.customers + other.customers,
            self.purchases + other.purchases,
            self.dollars + other.dollars,
            self.declined + other.declined,
        )

    def __str__(self) -> str:
        return (
            f"{self.customers:,} customers registered, {self.purchases:,} purchases "
            f"of {self.dollars:,} dollars, {self.declined:,} declined payments rolled back"
        )
