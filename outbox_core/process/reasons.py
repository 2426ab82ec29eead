"""The reasons of an outage that are worth a line of the log."""

from __future__ import annotations

import re

LASTING_SECONDS = 10.0
"""How long an outage must have another reason until that one is told, too."""
MOST_REASONS = 5
"""How many reasons of one outage are told."""


class Reasons:
    """Those of one outage, which is told with the ``first``. Another one is told once, if it lasts: a server
    that was restarted may now refuse the password. Times are in seconds of one clock.
    """

    def __init__(self, first: str) -> None:
        self._told = {_kind(first)}
        self._other = ("", 0.0)
        """A reason that was not told, and since when it has been the reason."""

    def is_news(self, why: str, now: float) -> bool:
        """Whether to tell the reason that the outage has now."""
        kind = _kind(why)
        if kind != self._other[0]:
            self._other = (kind, now)
        if kind in self._told or len(self._told) == MOST_REASONS:
            return False
        if now - self._other[1] < LASTING_SECONDS:
            return False
        self._told.add(kind)
        return True


def _kind(why: str) -> str:
    """A reason without its numbers, such as seconds and ports."""
    return re.sub(r"[\d.]*\d", "#", why)
