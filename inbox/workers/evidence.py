"""The evidence of all workers: each knows the results of the others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from inbox.holding.evidence import Assessment, Evidence
from inbox.workers.channel import Fact

FAILS, FAILED, SUCCEEDED, SETTLED = "fails", "failed", "succeeded", "settled"


class SharedEvidence(Evidence):
    """Passes on what changes it with ``send``, and takes what other workers pass on with ``take``. So an
    outage is known as one, and an event as the cause, by the results of all of them.
    """

    def __init__(self, clock: Callable[[], float], send: Callable[[Fact], None]) -> None:
        super().__init__(clock)
        self._send = send

    def note(self, handler: str) -> None:
        if not self.knows(handler):
            self._send(Fact(FAILS, [handler]))
        super().note(handler)

    def failed(self, handler: str, key: Hashable, event: Hashable, *, suspicious: bool) -> Assessment:
        fact = Fact(FAILED, [handler], str(key), str(event), suspicious)
        self._send(fact)
        return self._failed(fact)

    def succeeded(self, handlers: Iterable[str]) -> set[str]:
        names = [name for name in handlers if self.knows(name)]
        if names:
            self._send(Fact(SUCCEEDED, names))
        return super().succeeded(names)

    def forget(self, event: Hashable) -> None:
        if self.has_seen(str(event)):
            self._send(Fact(SETTLED, [], event=str(event)))
        super().forget(str(event))

    def take(self, fact: Fact) -> set[str]:
        """Another worker has passed this on. Returns the handlers whose outage is over."""
        if fact.what == FAILS:
            super().note(fact.handlers[0])
        elif fact.what == FAILED:
            self._failed(fact)
        elif fact.what == SETTLED:
            super().forget(fact.event)
        return super().succeeded(fact.handlers) if fact.what == SUCCEEDED else set()

    def _failed(self, fact: Fact) -> Assessment:
        return super().failed(fact.handlers[0], fact.key, fact.event, suspicious=fact.suspicious)
