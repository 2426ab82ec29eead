"""Retries held events that are due: after a pause, after the process died, or after a release."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from inbox.database import reconnect
from inbox.errors import HandlerFailed
from inbox.handling.pace import Pace
from inbox.handling.routing import Delivery, Routes
from inbox.handling.unit_of_work import UnitOfWork
from inbox.holding.judge import Failure, Judge
from inbox.models import HeldEvent
from inbox.models.held_queries import EVERYTHING, HeldEventQuerySet, Share
from inbox.signals import held_retried, hold_kept

KEYS = 100
ROWS = 50
"""The most keys in one transaction, and the most events of each."""
ROUND_SECONDS = 1.0
"""How long events that are tried one by one may take before new events are handled."""
DIED = "the process died while it handled this event, {} times (INBOX['ATTEMPTS'] is {})"

Taken = tuple[HeldEvent, Delivery | None]


@dataclass(slots=True)
class Outcome:
    """What a round has done. ``more``: there may be more to do at once."""

    handled: int = 0
    failed: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Culprit:
    """A held event that failed, and how many of its key came before it in the same transaction.

    ``is_certain``: whether this event is the cause. An error at the end of the transaction may come from any
    of its events. ``is_first``: whether nothing came before it, which may have ended the transaction.
    """

    held: HeldEvent
    error: str
    failure: Failure
    before: int
    is_certain: bool
    is_first: bool


class StoredFailure(NamedTuple):
    """What is stored with a held event that failed: ``retry_in`` seconds, or None if a person must decide."""

    error: str
    handler: str
    attempts: int
    retry_in: float | None


class Retries:
    """Retries held events that are due: each key in order, and many keys in one transaction while none fails.

    A process tries each of the first ones alone and counts the attempt before it, because the event may have
    killed another process. Events that were in a process that died are always tried like this. A transaction
    takes about as long as one of new events. ``attempts``: INBOX["ATTEMPTS"]. ``share``: the keys of this
    worker. ``failed`` is called for each failure.
    """

    def __init__(
        self,
        *,
        unit: UnitOfWork,
        routes: Routes,
        judge: Judge,
        attempts: int,
        batch_size: int,
        share: Share = EVERYTHING,
        failed: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._unit = unit
        self._share = share
        self._routes = routes
        self._judge = judge
        self._attempts = attempts
        self._failed = failed
        self._pace = Pace(batch_size)
        self._unknown: set[int] | None = None
        self._prevented: HeldEvent | None = None
        self.handled = 0

    def run(self, check_stop: Callable[[], None] = lambda: None, paused: Collection[str] = ()) -> Outcome:
        """One round, without events of ``paused`` topics. Raises errors of ``check_stop``, and of a database
        that cannot be written.
        """
        self._take_back()
        if over := self._judge.take_over():
            self._held.make_due(self._unit.consumer, sorted(over))
        outcome = Outcome()
        due = self._due(paused)
        if due:
            if self._unknown is None:
                self._unknown = set(due)
            try:
                self._round(due, outcome, check_stop)
            finally:
                if outcome.handled or outcome.failed:
                    counts = {"handled": outcome.handled, "failed": outcome.failed}
                    held_retried.send(self._unit.consumer, **counts)
        return outcome

    def _due(self, paused: Collection[str]) -> list[int]:
        """The first events of keys that are due. For handlers that fail for every key only one, to see
        whether the outage is over.
        """
        consumer, ahead = self._unit.consumer, self._unit.ahead()
        out = self._judge.evidence.in_outage()
        mine = partial(self._held.due, consumer, ahead=ahead, paused=paused, share=self._share)
        due = mine(KEYS, without=out)
        for handler in sorted(out):
            if not self._held.retried(consumer, handler).exists():
                self._judge.nothing_waits(handler)
            elif self._judge.evidence.due(handler):
                due += mine(1, handler=handler)
        return due

    def _round(self, due: Sequence[int], outcome: Outcome, check_stop: Callable[[], None]) -> None:
        check_stop()
        alone = any(map(self._is_unknown, due)) or self._held.filter(id__in=due, alone=True).exists()
        if not alone and len(due) > 1:
            due = due[: self._pace.size]
            culprit = self._together(due, outcome, min(ROWS, self._pace.size // len(due)))
            if culprit is None:
                outcome.more = True
                return
            if culprit.is_certain and culprit.is_first:
                outcome.failed += self._blame(culprit, culprit.held)
                due = [head for head in due if head != culprit.held.pk]
        until = self._judge.now() + ROUND_SECONDS
        for head in due:
            check_stop()
            self._key(head, outcome)
            if self._judge.now() >= until:
                break
        outcome.more = not outcome.failed

    def _is_unknown(self, head: int) -> bool:
        """Whether it may have killed another process, because this one has not tried it yet."""
        return self._unknown is not None and head in self._unknown

    def _key(self, head: int, outcome: Outcome) -> None:
        """Try one key, up to the event that fails."""
        held = self._held.waiting().filter(id=head).first()
        if held is None:
            return
        if held.alone or self._is_unknown(head):
            self._alone(head, outcome)
            return
        rows = 1 if held.error and held.released_at is None else min(ROWS, self._pace.size)
        culprit = self._search(head, outcome, rows)
        if culprit is not None:
            outcome.failed += self._blame(culprit, culprit.held)

    def _search(self, head: int, outcome: Outcome, rows: int) -> Culprit | None:
        """Try up to ``rows`` events of a key, and then fewer, until it is certain which one fails. The events
        before it are handled. While it is not certain, only the first one is tried. None if no event fails.
        """
        suspect: Culprit | None = None
        while (culprit := self._together([head], outcome, rows)) is not None:
            if culprit.is_certain and culprit.is_first:
                return culprit
            suspect, rows = (culprit, culprit.before) if culprit.is_certain else (None, 1)
        return suspect

    def _alone(self, head: int, outcome: Outcome) -> None:
        """Try one event alone. Count the attempt before it is made, unless all attempts are used up."""
        held = self._begin(head)
        if self._unknown is not None:
            self._unknown.discard(head)
        if held is None:
            return
        handled = outcome.handled
        self._prevented = held  # an error that is raised comes before the call of a handler
        culprit = self._together([head], outcome, 1, begun=True)
        if culprit is not None or outcome.handled > handled:
            self._prevented = None
        if culprit is not None:
            outcome.failed += self._blame(culprit, held)
        self._take_back()  # another process has the key, for example for new events of it

    def _take_back(self) -> None:
        """If an attempt was counted and prevented, it does not count."""
        if self._prevented is not None:
            self._held.not_begun(self._prevented)
            self._prevented = None

    def _begin(self, head: int) -> HeldEvent | None:
        """Begin to try an event alone. Returns it as it was before. Returns None if it must not be tried now:
        another process tries or has tried it, or a person must decide.
        """
        with self._unit.transaction():
            queues = self._held.take(self._unit.consumer, [head], 1, ahead=self._unit.ahead())
            held = queues[0][0] if queues else None
            if held is None or held.pk != head:
                return None
            is_over = held.alone and held.attempts >= self._attempts
            stored = StoredFailure(held.error, held.handler, held.attempts, None)
            if is_over:
                if self._held.failed(held, **stored._asdict()):
                    self._unit.journal.failed(held, stored.error, None)
            else:
                self._count(held)
        if is_over:
            self._report_kept(held, stored)
        return None if is_over else held

    def _count(self, held: HeldEvent) -> None:
        delivery = self._routes(held.as_record())
        handlers = () if delivery is None else delivery.handlers
        self._held.begin_alone(
            held,
            error=DIED.format(held.attempts + 1, self._attempts),
            handler=handlers[0].name if handlers else "",
            retry_in=4.0 ** min(held.attempts, 3),
        )

    def _blame(self, culprit: Culprit, before: HeldEvent) -> bool:
        """Keep it held. False if a person changed it, or if it was handled meanwhile."""
        failure, held = culprit.failure, culprit.held
        verdict = self._judge.failed(held.identity, held.key_hash, failure, attempts=before.attempts)
        stored = StoredFailure(culprit.error, failure.handler, verdict.attempts, verdict.retry_in)
        with self._unit.transaction():
            self._held.lock([held.own_key])
            kept = self._held.failed(before, **stored._asdict())
            if kept:
                self._unit.journal.failed(before, stored.error, stored.retry_in)
        if kept:
            self._report_kept(before, stored, outage=verdict.outage)
        return kept

    def _report_kept(self, held: HeldEvent, stored: StoredFailure, *, outage: bool = False) -> None:
        fields = {"error": stored.error, "handler": stored.handler, "attempts": stored.attempts}
        hold_kept.send(self._unit.consumer, held=held, seconds=stored.retry_in, outage=outage, **fields)

    def _together(
        self, heads: Sequence[int], outcome: Outcome, rows: int, *, begun: bool = False
    ) -> Culprit | None:
        """Handle up to ``rows`` events of each key. If one fails, nothing is changed and it is returned."""
        taken: list[Taken] = []
        began_at = self._judge.now()
        try:
            with self._unit.transaction():
                ahead = self._unit.ahead()
                for queue in self._held.take(self._unit.consumer, heads, rows, ahead=ahead, begun=begun):
                    taken += self._ready(queue, heads)
                for index, (held, delivery) in enumerate(taken):
                    self._unit.retry(held, delivery, index)
                self._held.done([held for held, _ in taken])
                self._unit.journal.handled(held for held, _ in taken)
        except Exception as error:
            reconnect(self._unit.database, error)
            if not taken:
                raise
            return self._culprit(error, taken)
        self._pace.took(len(taken), self._judge.now() - began_at)
        outcome.handled += len(taken)
        self.handled += len(taken)
        self._judge.succeeded([delivery for _, delivery in taken if delivery is not None])
        return None

    def _ready(self, queue: Sequence[HeldEvent], heads: Sequence[int]) -> list[Taken]:
        """The events of a key that can be handled now, if its first event is one of ``heads``."""
        ready: list[Taken] = []
        for held in queue if queue[0].pk in heads else ():
            if ready and (held.alone or (held.error and held.released_at is None)):
                break
            ready.append((held, self._delivery(held)))
        return ready

    def _delivery(self, held: HeldEvent) -> Delivery | None:
        delivery = self._routes(held.as_record())
        return None if delivery is None else self._routes.read([delivery])[0]

    def _culprit(self, error: Exception, taken: Sequence[Taken]) -> Culprit:
        index = (error.index or 0) if isinstance(error, HandlerFailed) else 0
        held, delivery = taken[index]
        failure = Failure.of(error, [] if delivery is None else [delivery])
        self._failed(failure.cause)
        self._judge.note(failure.handler)
        words = delivery.error if delivery is not None and delivery.error else failure.words
        before = sum(other.own_key == held.own_key for other, _ in taken[:index])
        is_certain = (isinstance(error, HandlerFailed) and error.index is not None) or len(taken) == 1
        return Culprit(held, words, failure, before, is_certain, is_first=not index)

    @property
    def _held(self) -> HeldEventQuerySet:
        return self._unit.held
