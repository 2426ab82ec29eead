"""Decides whether an event or an outage causes a failure, by the results of other events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field

DISTINCT = 3
"""If so many keys in a row fail with one handler, and none succeeds, it is an outage."""
LONGEST = 4.0
"""Seconds between two attempts while the event is not known as the cause."""


@dataclass(slots=True)
class Record:
    """The results of one handler since its first failure."""

    successes: int = 0
    failing: set[Hashable] = field(default_factory=set)
    pause: float = 0.0
    next_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """``against``: the failure counts against the event. ``outage``: the handler fails for every key.

    ``pause``: seconds until the handler is tried again if the failure does not count against the event.
    """

    against: bool
    outage: bool
    pause: float


class Evidence:
    """Remembers, for each handler that fails, which keys have failed in a row and whether others succeed.

    An event is the cause if its handler has succeeded with another event since the last failure. An error
    that an outage cannot cause (``suspicious``) always counts against it, unless the handler fails for all.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: dict[str, Record] = {}
        self._seen: dict[Hashable, int] = {}

    def __bool__(self) -> bool:
        """Whether anything has failed, so that successes matter."""
        return bool(self._records)

    def note(self, handler: str) -> None:
        """A handler is failing: from now on its successes count."""
        self._records.setdefault(handler, Record())

    def failed(self, handler: str, key: Hashable, event: Hashable, *, suspicious: bool) -> Judgement:
        record = self._records.setdefault(handler, Record())
        others = record.successes > self._seen.get(event, record.successes)
        self._seen[event] = record.successes
        record.failing.add(key)
        out = len(record.failing) >= DISTINCT
        record.pause = min(max(record.pause * 2, 0.25), LONGEST)
        record.next_at = self._clock() + record.pause
        return Judgement(others or (suspicious and not out), out, record.pause)

    def succeeded(self, handlers: Iterable[str]) -> set[str]:
        """These succeeded. Returns those whose outage is over."""
        over = set()
        for name in handlers:
            if (record := self._records.get(name)) is not None:
                if self.is_out(name):
                    over.add(name)
                record.successes += 1
                self.doubt(name)
        return over

    def forget(self, event: Hashable) -> None:
        """The event is handled, or a person must decide."""
        self._seen.pop(event, None)

    def doubt(self, handler: str) -> None:
        """Nothing shows any more that this handler fails for every key."""
        record = self._records[handler]
        record.failing.clear()
        record.pause = 0.0

    def is_out(self, handler: str) -> bool:
        """Whether this handler fails for every key."""
        record = self._records.get(handler)
        return record is not None and len(record.failing) >= DISTINCT

    def out(self) -> set[str]:
        return {name for name in self._records if self.is_out(name)}

    def all_out(self, handlers: Collection[str]) -> bool:
        return bool(handlers) and all(map(self.is_out, handlers))

    def pause(self, handler: str) -> float:
        record = self._records.get(handler)
        return record.pause if record is not None and record.pause else 1.0

    def due(self, handler: str) -> bool:
        """Whether a handler in an outage may be tried again."""
        return self._clock() >= self._records[handler].next_at
