from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from inbox.client import cluster_id, topic_ids
from inbox.missing import MissingTopics
from inbox.origins import Origins


class Topics:
    """The topics that a consumer is to read: which of them are there, and whether they are still the ones
    that its client began with. ``first`` is one of their names.
    """

    def __init__(self, consumer: str, names: Collection[str], clock: Callable[[], float]) -> None:
        self.first = min(names)
        self.origins = Origins(consumer)
        self.missing = MissingTopics(consumer, clock)
        self._names = frozenset(names)

    def subscribe(self, client: Any, listener: Any) -> None:
        """Have a new client read those that are there."""
        missing = self._absent(client)
        self.missing.note(missing)
        names = self._names - missing
        if names:
            client.subscribe(sorted(names), listener=listener)
            client.topics()  # so that it knows their partitions when it joins, and need not join again
        ids = topic_ids(client)
        self.origins.note(cluster_id(client), {name: ids.get(name) for name in names})

    def have_changed(self, client: Any) -> bool:
        """Whether the client knows that one of those it reads is gone, or another one. Asks nobody."""
        return self.origins.changed(topic_ids(client))

    def look(self, client: Any) -> bool:
        """Ask for those that are missing; whether one is there now. Knows no timeout."""
        return self.missing.note(self._absent(client))

    def _absent(self, client: Any) -> frozenset[str]:
        return self._names - frozenset[str](client.topics())
