from __future__ import annotations

from collections.abc import Callable

from inbox.signals import topics_found, topics_missing


class MissingTopics:
    """The topics that a consumer is to read and cannot. Says once that they are missing, and once that they
    are found; the others are read meanwhile.
    """

    def __init__(self, consumer: str, clock: Callable[[], float]) -> None:
        self._consumer = consumer
        self._clock = clock
        self._since: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    def __str__(self) -> str:
        names = ", ".join(sorted(self._since))
        return f"topics that do not exist, or that it may not read: {names}" if names else ""

    def note(self, missing: frozenset[str]) -> bool:
        """These are missing now; returns whether others no longer are."""
        now = self._clock()
        found = {topic: self._since.pop(topic) for topic in self._since.keys() - missing}
        new = missing - self._since.keys()
        self._since |= dict.fromkeys(new, now)
        if found:
            topics_found.send(self._consumer, topics=set(found), seconds=now - min(found.values()))
        if new:
            topics_missing.send(self._consumer, topics=missing)
        return bool(found)
