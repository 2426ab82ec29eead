"""The kinds of difference between services."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Fault(StrEnum):
    """A kind of disagreement; the value is what the verdict calls it."""

    ROLLED_BACK = "rolled-back orders seen anywhere outside"
    LOST = "lost"
    PHANTOM = "phantom"
    TWICE = "applied twice"
    DISORDER = "out of order per key"
    DIFFERENT = "different from the shop"
    MAIL = "welcome mails lost, repeated, made up"
    TOTAL = "totals other than those of the data"


class Finding(NamedTuple):
    """One difference: its kind, its service, and what it is."""

    fault: Fault
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"
