"""An operator moves the consumer to other offsets, and what may be missing or late because of it."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Hashable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast
from uuid import UUID

from kafka import TopicPartition

from tests.torture.faults.relays import kill
from tests.torture.insist import insist
from tests.torture.trial import Trial

if TYPE_CHECKING:
    from tests.torture.inbox.trial import ConsumerTrial

Places = Mapping[int, UUID]
"""The events of a partition by their offsets. One that was sent again has several."""
BACK_SECONDS = (1.0, 20.0)
PAUSED_SECONDS = (2.0, 5.0)
MOVES = """
    SELECT jsonb_build_object('id', o.id, 'topic', o.selection ->> 'topic', 'to', o.options -> 'to',
                              'before', l.before)
    FROM inbox_operation AS o JOIN inbox_ledger AS l ON l.id = o.ledger_id
    WHERE o.verb = 'seek' AND o.id > %s ORDER BY o.id
"""


class Move(NamedTuple):
    """One partition, and the offset at which the consumer stood in the transaction that moved it."""

    partition: TopicPartition
    before: int
    to: int


class Sought:
    """What seeks have done to events. Forward: those in between are never handled. Back: they are, behind
    later ones of their keys, but in the order of each key.
    """

    def __init__(self) -> None:
        self.late: dict[UUID, Hashable] = {}
        """Events that may come behind later ones of their keys; those with an equal value come in order."""
        self._skipped: dict[TopicPartition, set[int]] = defaultdict(set)
        self._gone: set[UUID] = set()
        self._moves = 0

    def note(self, move: Move, places: Places, handled: Container[UUID] = frozenset()) -> None:
        """A person has moved a partition that has these events. What is ``handled`` has come already, even if
        the consumer was moved back before it and over it now.
        """
        self._moves += 1
        skipped = self._skipped[move.partition]
        concerned = {o for o in places if move.before <= o < move.to} or {o for o in skipped if o >= move.to}
        if move.to > move.before:
            skipped |= concerned
        else:
            skipped -= concerned
        for offset in concerned:
            if places[offset] not in handled:
                self.late[places[offset]] = self._moves

    def sent(self, places: Places) -> None:
        """All that was sent to a partition. What was sent again, also later, may come there, by itself."""
        for event_id, copies in Counter(places.values()).items():
            if copies > 1 and event_id in self.late:
                self.late[event_id] = event_id

    def deleted(self, partition: TopicPartition, places: Places) -> None:
        """Its topic is deleted: what is skipped now, stays so."""
        self.sent(places)
        self._gone |= self._missing(partition, places)
        self._skipped.pop(partition, None)

    def missing(self, placed: Mapping[TopicPartition, Places]) -> set[UUID]:
        """The events that nobody needs to have handled: each copy of them is skipped."""
        skipped = (self._missing(partition, placed[partition]) for partition in self._skipped)
        return self._gone.union(*skipped)

    def _missing(self, partition: TopicPartition, places: Places) -> set[UUID]:
        skipped = self._skipped[partition]
        return {places[offset] for offset in skipped} - {
            event_id for offset, event_id in places.items() if offset not in skipped
        }


def at_beginning(trial: ConsumerTrial, topic: str, chance: random.Random) -> Iterator[tuple[str, ...]]:
    yield ("--to-beginning",)


def at_time(trial: ConsumerTrial, topic: str, chance: random.Random) -> Iterator[tuple[str, ...]]:
    when = datetime.now(UTC) - timedelta(seconds=chance.uniform(*BACK_SECONDS))
    yield ("--to-time", when.isoformat())


def at_offset(trial: ConsumerTrial, topic: str, chance: random.Random) -> Iterator[tuple[str, ...]]:
    """Back or forward: one number for all partitions means each in another place of its log."""
    number = chance.randrange(trial.topics[topic])
    end = insist(lambda: trial.ends())[TopicPartition(topic, number)]
    yield "--partition", str(number), "--to-offset", str(chance.randint(0, end))


def at_end(trial: ConsumerTrial, topic: str, chance: random.Random) -> Iterator[tuple[str, ...]]:
    """The topic is paused before, so that there is something to skip."""
    which = ("torture", "--topic", topic)
    insist(partial(trial.manage, "inbox_pause", *which))
    time.sleep(chance.uniform(*PAUSED_SECONDS))
    yield ("--to-end",)
    insist(partial(trial.manage, "inbox_resume", *which))


def at_end_and_back(trial: ConsumerTrial, topic: str, chance: random.Random) -> Iterator[tuple[str, ...]]:
    """What the first skips is handled all the same."""
    yield from at_end(trial, topic, chance)
    yield chance.choice([("--to-beginning",), *at_time(trial, topic, chance)])


Where = Callable[["ConsumerTrial", str, random.Random], Iterator[tuple[str, ...]]]
PLACES: dict[str, Where] = {
    "beginning": at_beginning,
    "time": at_time,
    "offset": at_offset,
    "end": at_end,
    "end-and-back": at_end_and_back,
}


def seek(
    where: Where,
    trial: Trial,
    chance: random.Random,
) -> None:
    """``inbox_seek``, and every other time an instance is killed before it."""
    mine = cast("ConsumerTrial", trial)
    topic = chance.choice(sorted(mine.topics))
    for place in where(mine, topic, chance):
        if chance.random() < 0.5:
            kill(trial, chance)
        command = ("inbox_seek", "torture", "--topic", topic, *place, "--yes", "--reason", "torture")
        insist(partial(trial.manage, *command))
        note_moves(mine)


def note_moves(trial: ConsumerTrial) -> None:
    """What people have moved since this was asked last, as the ledger has it."""
    with trial.producer.pause():  # until Kafka has acknowledged all that was skipped
        for row in insist(lambda: trial.execute(MOVES, (trial.moved_until,))):
            trial.moved_until = row["id"]
            handled = {*insist(lambda: trial.execute("SELECT event_id FROM torture_effect"))}
            before = dict(_offsets(row["before"]))
            for number, to in row["to"].items():
                partition = TopicPartition(row["topic"], int(number))
                move = Move(partition, before.get(int(number), 0), to)
                trial.sought.note(move, trial.producer.places[partition], handled)


def forget(trial: ConsumerTrial, topic: str) -> None:
    """A topic is deleted, and what was at its offsets."""
    for partition in trial.partitions():
        if partition.topic == topic:
            trial.sought.deleted(partition, trial.producer.places.pop(partition, {}))


def _offsets(words: str) -> Iterator[tuple[int, int]]:
    """``partition 0 at 7, partition 1 at 9``, as the ledger has it."""
    for each in words.split(", ") if words.startswith("partition ") else ():
        _, number, _, offset = each.split()
        yield int(number), int(offset)
