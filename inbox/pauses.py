"""What a consumer does not read, because a person has paused it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inbox.signals import paused, resumed
from inbox.source import Source

EVERY_TOPIC = ""
"""In a pause: the whole consumer."""


class Pauses:
    """Follows the pauses that ``found`` returns, the last ones that were read from the database."""

    def __init__(
        self, consumer: str, source: Source, topics: Sequence[str], found: Callable[[], frozenset[str]]
    ) -> None:
        self._consumer = consumer
        self._source = source
        self._topics = topics
        self._found = found
        self.topics: frozenset[str] = frozenset()

    @property
    def is_everything(self) -> bool:
        return EVERY_TOPIC in self.topics

    @property
    def have_changed(self) -> bool:
        return self._found() != self.topics

    def heed(self) -> None:
        """Read no topic that is paused now."""
        before, now = self.topics, self._found()
        if now != before:
            self.topics = now
            self._source.pause(self._topics if self.is_everything else now)
            for signal, changed in ((paused, now - before), (resumed, before - now)):
                if changed:
                    signal.send(self._consumer, topics=sorted(topic or "all topics" for topic in changed))
