"""Tries again what is held and due: after a pause, after a death, or as somebody has requeued it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inbox.database import drop_dead_connection
from inbox.delivery import Delivery
from inbox.effects import Effects
from inbox.errors import HandlerFailed
from inbox.judge import Failure, Judge
from inbox.models import Parked
from inbox.models.parked_queries import ParkedQuerySet
from inbox.record import Record
from inbox.signals import event_left, requeued

KEYS = 100
ROWS = 50
"""Keys in one transaction, and events of each."""
ROUND_SECONDS = 1.0
"""So long may those take that fail, before new events have their turn."""
DIED = "the process died while it handled this event, {} times (INBOX['ATTEMPTS'] is {})"

Taken = tuple[Parked, Delivery | None]


@dataclass(slots=True)
class Outcome:
    """What a round has done. ``more``: there may be more to do at once."""

    handled: int = 0
    failed: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Culprit:
    """A held event that has failed, and how many of its key came before it in the same transaction."""

    parked: Parked
    error: str
    failure: Failure
    before: int


class Requeue:
    """Takes up held events that are due, each key in order; many keys in one transaction while none fails.

    The first round of a process takes each alone and counts its attempt before it is made, as another process
    may have died with them; so it is ever after for those that are known to have been in hand then.
    ``attempts``: INBOX["ATTEMPTS"]. ``failed`` is told of each failure.
    """

    def __init__(
        self,
        *,
        effects: Effects,
        route: Callable[[Record], Delivery | None],
        judge: Judge,
        attempts: int,
        failed: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._effects = effects
        self._route = route
        self._judge = judge
        self._attempts = attempts
        self._failed = failed
        self._careful = True

    def run(self, go_on: Callable[[], None] = lambda: None) -> Outcome:
        """One round. Raises what ``go_on`` raises, and the database where it cannot be written to."""
        if over := self._judge.take_over():
            self._parked.hurry(self._effects.consumer, sorted(over))
        outcome = Outcome()
        due = self._due()
        if due:
            try:
                self._round(due, outcome, go_on)
            finally:
                if outcome.handled or outcome.failed:
                    counts = {"handled": outcome.handled, "failed": outcome.failed}
                    requeued.send(self._effects.consumer, **counts)
            self._careful = False
        return outcome

    def _due(self) -> list[int]:
        """The heads of keys that are due; of handlers that fail for every key one, to see if that is over."""
        consumer, ahead = self._effects.consumer, self._effects.ahead()
        out = self._judge.evidence.out()
        due = self._parked.due(consumer, KEYS, ahead=ahead, without=out)
        for handler in sorted(out):
            if self._judge.evidence.due(handler):
                due += self._parked.due(consumer, 1, ahead=ahead, handler=handler)
        return due

    def _round(self, due: Sequence[int], outcome: Outcome, go_on: Callable[[], None]) -> None:
        go_on()
        alone = self._careful or self._parked.filter(id__in=due, alone=True).exists()
        if not alone and len(due) > 1:
            culprit = self._together(due, outcome)
            if culprit is not None and not culprit.before:
                outcome.failed += self._blame(culprit, culprit.parked)
            due = () if culprit is None else [head for head in due if head != culprit.parked.pk]
        until = self._judge.now() + ROUND_SECONDS
        for head in due:
            go_on()
            self._key(head, outcome)
            if outcome.failed and self._judge.now() >= until:
                break
        outcome.more = not outcome.failed

    def _key(self, head: int, outcome: Outcome) -> None:
        """Try one key, up to the event that fails."""
        parked = self._parked.waiting().filter(id=head).first()
        if parked is None:
            return
        alone = parked.alone or self._careful
        if parked.alone and parked.attempts >= self._attempts:
            self._leave(parked, parked.error, parked.handler, parked.attempts, None)
            return
        if alone:
            self._begin_alone(parked)
        again = alone or (parked.error and parked.requeued_at is None)
        culprit = self._together([head], outcome, 1 if again else ROWS)
        if culprit is not None and culprit.before:
            culprit = self._together([head], outcome, culprit.before) or culprit
        if culprit is not None:
            outcome.failed += self._blame(culprit, parked if culprit.parked.pk == head else culprit.parked)

    def _begin_alone(self, parked: Parked) -> None:
        delivery = self._route(parked.as_record())
        calls = () if delivery is None else delivery.calls
        self._parked.begin_alone(
            parked,
            error=DIED.format(parked.attempts + 1, self._attempts),
            handler=calls[0][0].name if calls else "",
            retry_in=4.0 ** min(parked.attempts, 3),
        )

    def _blame(self, culprit: Culprit, before: Parked) -> bool:
        """Keep it held; False if somebody has dealt with it, or it is handled after all."""
        failure, parked = culprit.failure, culprit.parked
        verdict = self._judge.failed(parked.identity, parked.lane, failure, attempts=before.attempts)
        said = (culprit.error, failure.handler, verdict.attempts)
        return self._leave(before, *said, verdict.retry_in, outage=verdict.outage)

    def _leave(
        self,
        parked: Parked,
        error: str,
        handler: str,
        attempts: int,
        retry_in: float | None,
        *,
        outage: bool = False,
    ) -> bool:
        with self._effects.transaction():
            self._parked.lock([parked.own_key])
            left = self._parked.failed(
                parked, error=error, handler=handler, attempts=attempts, retry_in=retry_in
            )
        if left:
            told = {"error": error, "handler": handler, "attempts": attempts, "seconds": retry_in}
            event_left.send(self._effects.consumer, parked=parked, outage=outage, **told)
        return left

    def _together(self, heads: Sequence[int], outcome: Outcome, rows: int = ROWS) -> Culprit | None:
        """Handle up to ``rows`` of each key; which has failed, if one has, and nothing has happened then."""
        taken: list[Taken] = []
        try:
            with self._effects.transaction():
                for queue in self._parked.take(self._effects.consumer, heads, rows):
                    taken += self._ready(queue, heads)
                for index, (parked, delivery) in enumerate(taken):
                    self._effects.take_up(parked, delivery, index)
                self._parked.done([parked for parked, _ in taken])
        except Exception as error:
            drop_dead_connection(self._effects.database)
            if not taken:
                raise
            return self._culprit(error, taken)
        outcome.handled += len(taken)
        self._judge.succeeded([delivery for _, delivery in taken if delivery is not None])
        return None

    def _ready(self, queue: Sequence[Parked], heads: Sequence[int]) -> list[Taken]:
        """What can be handled of a key, if its first is one of those that are due."""
        ready: list[Taken] = []
        for parked in queue if queue[0].pk in heads else ():
            if ready and (parked.alone or (parked.error and parked.requeued_at is None)):
                break
            ready.append((parked, self._route(parked.as_record())))
        return ready

    def _culprit(self, error: Exception, taken: Sequence[Taken]) -> Culprit:
        index = error.index if isinstance(error, HandlerFailed) else 0
        parked, delivery = taken[index]
        failure = Failure.of(error, [] if delivery is None else [delivery])
        self._failed(failure.cause)
        self._judge.note(failure.handler)
        words = delivery.error if delivery is not None and delivery.error else failure.words
        before = sum(other.own_key == parked.own_key for other, _ in taken[:index])
        return Culprit(parked, words, failure, before)

    @property
    def _parked(self) -> ParkedQuerySet:
        return self._effects.parked
