"""Decides whether an event or an outage causes a failure, by the results of other events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field

DISTINCT = 3
"""How many keys must fail in a row with one handler, and none succeed, to count as an outage."""
LONGEST = 4.0
"""The longest pause between two attempts while it is not known that the event is the cause, in seconds."""


@dataclass(slots=True)
class Results:
    """The results of one handler since its first failure."""

    successes: int = 0
    failing: set[Hashable] = field(default_factory=set)
    pause: float = 0.0
    next_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Assessment:
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
        self._results: dict[str, Results] = {}
        self._seen: dict[Hashable, int] = {}

    def __bool__(self) -> bool:
        """Whether anything has failed, so that successes matter."""
        return bool(self._results)

    def knows(self, handler: str) -> bool:
        """Whether this handler has failed, so that its successes matter."""
        return handler in self._results

    def has_seen(self, event: Hashable) -> bool:
        """Whether this event has failed, and is not settled yet."""
        return event in self._seen

    def note(self, handler: str) -> None:
        """Note that a handler fails: from now on its successes are counted."""
        self._results.setdefault(handler, Results())

    def failed(self, handler: str, key: Hashable, event: Hashable, *, suspicious: bool) -> Assessment:
        results = self._results.setdefault(handler, Results())
        others = results.successes > self._seen.get(event, results.successes)
        self._seen[event] = results.successes
        results.failing.add(key)
        out = len(results.failing) >= DISTINCT
        results.pause = min(max(results.pause * 2, 0.25), LONGEST)
        results.next_at = self._clock() + results.pause
        return Assessment(others or (suspicious and not out), out, results.pause)

    def succeeded(self, handlers: Iterable[str]) -> set[str]:
        """Note that these handlers succeeded. Returns those whose outage is over."""
        over = set()
        for name in handlers:
            if (results := self._results.get(name)) is not None:
                if self.is_in_outage(name):
                    over.add(name)
                results.successes += 1
                self.doubt(name)
        return over

    def forget(self, event: Hashable) -> None:
        """Forget an event that is handled or that a person must decide about."""
        self._seen.pop(event, None)

    def doubt(self, handler: str) -> None:
        """Forget that this handler fails for every key: no event shows it any more."""
        results = self._results[handler]
        results.failing.clear()
        results.pause = 0.0

    def is_in_outage(self, handler: str) -> bool:
        """Whether this handler fails for every key."""
        results = self._results.get(handler)
        return results is not None and len(results.failing) >= DISTINCT

    def in_outage(self) -> set[str]:
        return {name for name in self._results if self.is_in_outage(name)}

    def all_in_outage(self, handlers: Collection[str]) -> bool:
        return bool(handlers) and all(map(self.is_in_outage, handlers))

    def pause(self, handler: str) -> float:
        results = self._results.get(handler)
        return results.pause if results is not None and results.pause else 1.0

    def due(self, handler: str) -> bool:
        """Whether a handler in an outage may be tried again."""
        results = self._results.get(handler)
        return results is None or self._clock() >= results.next_at
