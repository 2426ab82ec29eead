"""What authors of events can add to a type with ``Annotated``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """``Annotated[Decimal, outbox.Places(2)]``: always written with so many decimal places.

    A value with more of them, other than zeros, is refused: round it, or give what the row holds.
    """

    places: int

    def __post_init__(self) -> None:
        if type(self.places) is not int or not 0 <= self.places <= 100:
            raise ValueError(f"Places({self.places!r}): give a whole number from 0 to 100.")
