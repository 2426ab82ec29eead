"""Which records make the next wave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from outbox.cloudevents import Record
from relay.publishers.base import BATCH_HEADER, Failure, Outcome, Trouble, size
from relay.publishers.topics import Topic

Place = Callable[[Record], int]
"""The partition that a record goes to, or any number that is equal for records of one partition."""


class Topics(Protocol):
    """What is known of topics, by name."""

    def __getitem__(self, name: str, /) -> Topic: ...


def fit(
    records: Sequence[Record],
    topics: Topics,
    place: Place,
    *,
    batch_bytes: int,
    judge: bool,
    ask_anew: Callable[[str], None] | None = None,
) -> list[int] | Failure:
    """The places of the records of the next wave: a prefix with at most ``batch_bytes`` for each place.

    A record larger than that is alone in its place. A failure, if not even the first can be sent. Without
    ``judge``, records are compressed, and only the broker can tell whether one is too large. ``ask_anew``
    has ``topics`` learn one again, as its limit may have been raised since it was learnt.
    """
    places = _prefix(records, topics, place, batch_bytes=batch_bytes, judge=judge)
    if ask_anew is not None and isinstance(places, Failure) and places.trouble is Trouble.RECORD:
        ask_anew(records[0].topic)
        places = _prefix(records, topics, place, batch_bytes=batch_bytes, judge=judge)
    return places


def _prefix(
    records: Sequence[Record], topics: Topics, place: Place, *, batch_bytes: int, judge: bool
) -> list[int] | Failure:
    places: list[int] = []
    rooms: dict[tuple[str, int], int] = {}
    for record in records:
        topic, needed = topics[record.topic], size(record)
        refusal = topic.refusal(BATCH_HEADER + needed if judge else 0)
        if refusal is not None:
            return places or refusal
        where = place(record)
        room = rooms.get((topic.name, where))
        if room is None:
            room = topic.room(batch_bytes)
        elif room < needed:
            break
        rooms[topic.name, where] = room - needed
        places.append(where)
    return places


def judged_by_partition(wave: Sequence[tuple[Record, int]], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """A broker that finds one record of a batch invalid refuses the batch: the others share the verdict."""
    spoilt = {
        (record.topic, place)
        for (record, place), outcome in zip(wave, outcomes, strict=False)
        if outcome is not None and outcome.trouble is Trouble.RECORD
    }
    return [
        Failure(Trouble.RECORD, outcome.detail) if outcome and (record.topic, place) in spoilt else outcome
        for (record, place), outcome in zip(wave, outcomes, strict=False)
    ]
