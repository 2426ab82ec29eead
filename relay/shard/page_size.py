"""How many rows of a window to read at once, so that a page makes one wave. Pure."""

from __future__ import annotations

WHOLE_WAVES = 32
"""After so many pages that each made one wave, a larger page is tried."""


class PageSize:
    """``rows`` is at most ``most`` and at least half of it: a page of three waves has little to gain."""

    def __init__(self, most: int) -> None:
        self._most = self.rows = most
        self._whole = 0

    def took(self, sent: int, offered: int) -> None:
        """The publisher took ``sent`` of the records that were ``offered``. The size is a bit less than it
        took, because records are not equally large.
        """
        if sent >= offered:
            self._whole += 1
        elif sent >= offered // 2:
            self.rows, self._whole = max(sent * 15 // 16, self._most // 2, 1), 0
        if self._whole == WHOLE_WAVES:
            self.rows, self._whole = self._most, 0
