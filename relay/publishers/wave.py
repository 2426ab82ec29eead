"""Chooses the records of the next wave."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from outbox_core.wire.encode import Record, Records
from relay.publishers.base import BATCH_HEADER, Failure, Outcome, Trouble, size, size_alone
from relay.publishers.topics import Topic

Place = Callable[[Record], int]
"""The partition that a record goes to, or any number that is equal for records of one partition."""


class Topics(Protocol):
    """What is known of topics, by name."""

    def __getitem__(self, name: str, /) -> Topic: ...


@dataclass(slots=True)
class Wave:
    """A prefix of the records on offer: those to send, with their places, and why the others are refused.

    ``size`` is the bytes to send.
    """

    records: Sequence[Record] = field(default_factory=list)
    places: Sequence[int] = field(default_factory=list)
    refused: dict[int, Failure] = field(default_factory=dict)
    size: int = 0

    @property
    def sent(self) -> list[tuple[Record, int]]:
        """The records to send, each with its place."""
        return list(zip(self.records, self.places, strict=True))

    def failed_topics(self, of_sent: Sequence[Outcome]) -> set[str]:
        """The topics of records that were sent and failed."""
        return {record.topic for record, outcome in zip(self.records, of_sent, strict=False) if outcome}

    def __len__(self) -> int:
        return len(self.records) + len(self.refused)

    def outcomes(self, of_sent: Sequence[Outcome]) -> list[Outcome]:
        """The outcome of each record of the prefix, up to the last that the client took."""
        if not self.refused:
            return list(of_sent)
        outcomes: list[Outcome] = []
        rest = iter(of_sent)
        for index in range(len(self)):
            if index in self.refused:
                outcomes.append(self.refused[index])
            elif (outcome := next(rest, _NOT_TAKEN)) is _NOT_TAKEN:
                break
            else:
                outcomes.append(outcome)
        return outcomes


_NOT_TAKEN = Failure(Trouble.RETRIABLE, "The client took no more records.")


def fit(
    records: Sequence[Record],
    topics: Topics,
    place: Place | None,
    *,
    batch_bytes: int,
    judge: bool,
    wave_bytes: int | None = None,
    ask_again: Callable[[str], None] | None = None,
) -> Wave:
    """The next wave: a prefix with at most ``batch_bytes`` for each place, and ``wave_bytes`` in all. Without
    ``place`` the client chooses, so all records of a topic may go to one.

    A record larger than that goes alone into its batch or wave. A record whose topic cannot be written is
    refused. Records of other topics behind it are still sent. A record that is too large for its topic ends
    the wave before it, or is its only member. Without ``judge``, records are compressed, and only the broker
    knows whether one is too large. ``ask_again`` makes ``topics`` ask for a topic again, because its limit
    may have been raised.
    """
    if isinstance(records, Records) and _is_small(records, topics, batch_bytes, wave_bytes):
        return Wave(records, list(map(place, records)) if place else [], size=records.bytes)
    wave = _prefix(records, topics, place, batch_bytes, judge, wave_bytes)
    first = wave.refused.get(0)
    if ask_again is not None and first is not None and first.trouble is Trouble.RECORD:
        ask_again(records[0].topic)
        wave = _prefix(records, topics, place, batch_bytes, judge, wave_bytes)
    return wave


def _is_small(records: Records, topics: Topics, batch_bytes: int, wave_bytes: int | None) -> bool:
    """Whether all records fit into one wave, whichever partition each of them goes to."""
    if wave_bytes is not None and records.bytes > wave_bytes:
        return False
    known = [topics[name] for name in records.topics]
    return all(each.trouble is None and records.bytes <= each.room(batch_bytes) for each in known)


def _prefix(
    records: Sequence[Record],
    topics: Topics,
    place: Place | None,
    batch_bytes: int,
    judge: bool,
    wave_bytes: int | None,
) -> Wave:
    """The longest prefix that fits. ``rooms`` has the bytes that are left of each batch of a topic."""
    wave, total, most = Wave(), 0, sys.maxsize if wave_bytes is None else wave_bytes
    sent, places = list[Record](), list[int]()
    name, limit = None, 0
    rooms_of: dict[str, dict[int, int]] = defaultdict(dict)
    for index, record in enumerate(records):
        if record.topic != name:
            name = record.topic
            topic, rooms = topics[name], rooms_of[name]
            limit = _limit(topic, judge)
        needed = size(record)
        if needed > limit > 0:
            needed = size_alone(record)
        if needed > limit:
            if _refuse(wave, index, topic, BATCH_HEADER + needed if judge else 0):
                break
            continue
        where = place(record) if place else 0
        room = rooms.get(where)
        if room is None:
            room = topic.room(batch_bytes)
        elif room < needed:
            break
        total += needed
        if total > most and sent:
            total -= needed
            break
        rooms[where] = room - needed
        sent.append(record)
        places.append(where)
    wave.records, wave.places, wave.size = sent, places, total
    return wave


def _refuse(wave: Wave, index: int, topic: Topic, batch_bytes: int) -> bool:
    """Note why the topic cannot take the record at ``index``. Returns whether the wave ends before it: a
    record that is too large is only refused as the first one of a wave.
    """
    refusal = topic.refusal(batch_bytes)
    assert refusal is not None, f"topic {topic.name} takes it"
    is_too_large = refusal.trouble is Trouble.RECORD
    if not is_too_large or index == 0:
        wave.refused[index] = refusal
    return is_too_large


def _limit(topic: Topic, judge: bool) -> int:
    """The largest record that may be sent to it, as far as this client knows."""
    if topic.trouble is not None:
        return 0
    return sys.maxsize if topic.max_bytes is None or not judge else topic.max_bytes - BATCH_HEADER


def judged_by_partition(wave: Sequence[tuple[Record, int]], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, in which every record of a batch with an invalid record has that failure: a broker
    refuses the whole batch.
    """
    spoilt = {
        (record.topic, place)
        for (record, place), outcome in zip(wave, outcomes, strict=False)
        if outcome is not None and outcome.trouble is Trouble.RECORD
    }
    return [
        Failure(Trouble.RECORD, outcome.detail) if outcome and (record.topic, place) in spoilt else outcome
        for (record, place), outcome in zip(wave, outcomes, strict=False)
    ]
