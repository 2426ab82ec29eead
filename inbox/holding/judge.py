"""Decides about a failed event: when it is retried, and when a person must decide."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Self

from inbox.errors import HandlerFailed, Poison, RetryLater
from inbox.handling.retriable import cause, is_retriable
from inbox.handling.routing import Delivery
from inbox.holding.evidence import Evidence
from inbox.status.outages import Outages
from outbox_core.people.failure import describe

HANDLER = "handler "
"""The name of a handler's outage begins with this."""
LONGEST = 60.0
SHARE = 10
"""An event waits this many times as long as its failure took, so that other events get more time."""
LONGEST_SHARE = 600.0


@dataclass(frozen=True, slots=True)
class Failure:
    """How the handling of a batch failed. ``index``: at which delivery; None if unknown."""

    cause: BaseException
    handler: str
    index: int | None
    seconds: float

    @classmethod
    def of(cls, error: BaseException, deliveries: Sequence[Delivery]) -> Self:
        if isinstance(error, HandlerFailed):
            return cls(cause(error), error.handler, error.index, error.seconds)
        handlers = deliveries[0].handlers if len(deliveries) == 1 else ()
        return cls(error, handlers[0].name if handlers else "", None, 0.0)

    @property
    def words(self) -> str:
        return describe(self.cause)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``attempts`` count against the event. ``retry_in``: seconds until it is retried; None if a person must
    decide. ``outage``: its handler fails for every key.
    """

    attempts: int
    retry_in: float | None
    outage: bool


class Judge:
    """Decides when a failed event is retried, by which handlers of the consumer fail. ``attempts``:
    INBOX["ATTEMPTS"].
    """

    def __init__(
        self,
        *,
        handlers: Collection[str],
        outages: Outages,
        attempts: int,
        clock: Callable[[], float],
        evidence: Evidence,
    ) -> None:
        self._handlers = frozenset(handlers)
        self._outages = outages
        self._attempts = attempts
        self.now = clock
        self.evidence = evidence
        self._over: set[str] = set()

    def note(self, handler: str) -> None:
        self.evidence.note(handler)

    def failed(self, event: Hashable, key_hash: int | None, failure: Failure, *, attempts: int) -> Verdict:
        """The verdict on a failed event. ``attempts`` counted against it before."""
        error, handler = failure.cause, failure.handler
        assessment = self.evidence.failed(
            handler, event if key_hash is None else key_hash, event, suspicious=not is_retriable(error)
        )
        if isinstance(error, Poison):
            self.evidence.forget(event)
            return Verdict(attempts + 1, None, outage=False)
        if assessment.outage:
            self._outages.begin(outage_of(handler), error)
        attempts += assessment.against
        if not assessment.against:
            return Verdict(attempts, max(assessment.pause, failure.seconds), assessment.outage)
        if attempts >= self._attempts and not isinstance(error, RetryLater):
            self.evidence.forget(event)
            return Verdict(attempts, None, outage=False)
        pause = min(4.0 ** min(attempts - 1, 5), LONGEST)
        share = min(SHARE * failure.seconds, LONGEST_SHARE)
        return Verdict(attempts, max(pause, share), outage=False)

    def succeeded(self, deliveries: Sequence[Delivery]) -> None:
        """Note that the handlers of these deliveries succeeded."""
        if self.evidence and deliveries:
            names = {handler.name for delivery in deliveries for handler in delivery.handlers}
            self.recovered(self.evidence.succeeded(names))
            for delivery in deliveries:
                self.evidence.forget(delivery.identity)

    def recovered(self, handlers: Collection[str]) -> None:
        """Note that the outage of these handlers is over."""
        self._over.update(handlers)
        for name in handlers:
            self._outages.end(outage_of(name))

    def nothing_waits(self, handler: str) -> None:
        """Note that no event waits for this handler any more, so its outage counts as over."""
        self.evidence.doubt(handler)
        self._outages.end(outage_of(handler))

    @property
    def nothing_succeeds(self) -> bool:
        """Whether every handler of this consumer fails for every key."""
        return self.evidence.all_in_outage(self._handlers)

    def pause(self, delivery: Delivery) -> float:
        """Seconds to wait before this one is retried."""
        return max((self.evidence.pause(handler.name) for handler in delivery.handlers), default=1.0)

    def is_due(self, delivery: Delivery) -> bool:
        """Whether that time is over, since the last event of these handlers has failed."""
        return all(self.evidence.due(handler.name) for handler in delivery.handlers)

    def take_over(self) -> set[str]:
        """The handlers whose outage has ended since this was asked last."""
        over, self._over = self._over, set()
        return over


def outage_of(handler: str) -> str:
    """The name of a handler's outage."""
    return f"{HANDLER}{handler}"
