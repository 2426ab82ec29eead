"""A set of event ids in little memory. Pure."""

from __future__ import annotations

from collections.abc import Iterator

BITS = 16
"""Ids of one page: two to this power."""
PAGE_IDS = 1 << BITS
PAGES = 16_384
"""How many pages a set may have: 128 MiB, about a billion ids in a row."""


class IdSet:
    """One bit for each id, in pages that exist where there are ids."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    @property
    def is_full(self) -> bool:
        """Whether it must not grow further."""
        return len(self._pages) >= PAGES

    def add(self, number: int) -> None:
        page = self._pages.get(number >> BITS)
        if page is None:
            page = self._pages[number >> BITS] = bytearray(1 << (BITS - 3))
        place = number & ((1 << BITS) - 1)
        page[place >> 3] |= 1 << (place & 7)

    def __contains__(self, number: int) -> bool:
        page = self._pages.get(number >> BITS)
        place = number & ((1 << BITS) - 1)
        return page is not None and bool(page[place >> 3] >> (place & 7) & 1)

    def update(self, other: IdSet) -> None:
        """Add all ids of another set."""
        for number, theirs in other._pages.items():
            both = int.from_bytes(self.bits(number), "little") | int.from_bytes(theirs, "little")
            self._pages[number] = bytearray(both.to_bytes(PAGE_IDS >> 3, "little"))

    def remove(self, number: int) -> None:
        if number in self:
            place = number & (PAGE_IDS - 1)
            self._pages[number >> BITS][place >> 3] &= ~(1 << (place & 7))

    @property
    def pages(self) -> list[int]:
        """The pages that exist, ascending. A page has the ids from ``page * PAGE_IDS`` on."""
        return sorted(self._pages)

    def bits(self, page: int) -> bytes:
        """The bits of a page, the lowest first in each byte, as get_bit() of PostgreSQL counts them."""
        return bytes(self._pages.get(page, bytes(PAGE_IDS >> 3)))

    def count(self, page: int) -> int:
        """How many ids of a page are in the set."""
        return int.from_bytes(self.bits(page), "little").bit_count()

    def of(self, page: int) -> Iterator[int]:
        """The ids of a page that are in the set, ascending."""
        return _ones(int.from_bytes(self.bits(page), "little"), page << BITS)

    def drop_below(self, number: int) -> None:
        """Forget all smaller ids."""
        for page in [each for each in self._pages if each < number >> BITS]:
            del self._pages[page]
        if number >> BITS in self._pages:
            kept = int.from_bytes(self.bits(number >> BITS), "little") >> (number & (PAGE_IDS - 1))
            kept <<= number & (PAGE_IDS - 1)
            self._pages[number >> BITS] = bytearray(kept.to_bytes(PAGE_IDS >> 3, "little"))

    def without(self, other: IdSet) -> Iterator[int]:
        """The ids that the other set lacks, ascending."""
        for number in sorted(self._pages):
            theirs = other._pages.get(number)
            left = int.from_bytes(self._pages[number], "little")
            if theirs is not None:
                left &= ~int.from_bytes(theirs, "little")
            yield from _ones(left, number << BITS)


def _ones(bits: int, first: int) -> Iterator[int]:
    """Where the bits of a page are set."""
    for place, byte in enumerate(bits.to_bytes(1 << (BITS - 3), "little") if bits else b""):
        for bit in range(8) if byte else ():
            if byte >> bit & 1:
                yield first + place * 8 + bit
