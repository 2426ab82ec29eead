"""What was sent against what took effect, event by event. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from tests.torture.inbox.producer import Sent


class Effect(NamedTuple):
    """A row of the handler, in the order of effect; ``behind`` is the one of its key that it saw before."""

    event_id: UUID
    topic: str
    key: str
    n: int
    behind: int


@dataclass(slots=True)
class Findings:
    """How the events sent and their effects compare. Each list holds what is wrong, as words."""

    sent: int = 0
    effects: int = 0
    poison: int = 0
    discarded: int = 0
    skipped: int = 0
    missing: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    gathered: list[str] = field(default_factory=list)
    wrongly_discarded: list[str] = field(default_factory=list)
    wrongly_held: list[str] = field(default_factory=list)
    left_held: list[str] = field(default_factory=list)


def compare(
    sent: Mapping[UUID, Sent],
    effects: Sequence[Effect],
    *,
    gathered: Collection[UUID] | None = None,
    discarded: Collection[UUID] = (),
    refused: Collection[UUID] = (),
    held: Collection[UUID] = (),
    skipped: Collection[UUID] = (),
    late: Mapping[UUID, Hashable] | None = None,
) -> Findings:
    """Compare them. ``gathered`` is what a batch wrote at the end of its transactions; ``discarded`` and
    ``held`` is what became of the rest, ``refused`` what was ever held for an error of its own. A person has
    moved the consumer over those that are ``skipped`` for good, and over those that may come ``late``: these
    come in order among those with the same value.
    """
    found = Findings(len(sent), len(effects), sum(bool(s.poison) for s in sent.values()), len(discarded))
    times = Counter(effect.event_id for effect in effects)
    for event_id, event in sent.items():
        rotten = event.poison == "rotten"
        if not times[event_id] and not rotten and event_id not in skipped:
            found.missing.append(_words(event))
        if times[event_id] > 1:
            found.twice.append(f"{_words(event)}: {times[event_id]} times")
        if rotten and times[event_id]:
            found.unknown.append(f"{_words(event)} cannot be read")
        if rotten != (event_id in discarded) and not (rotten and event_id in skipped):
            found.wrongly_discarded.append(_words(event))
        if event_id in refused and not event.poison:
            found.wrongly_held.append(_words(event))
        if event_id in held:
            found.left_held.append(_words(event))
    found.unknown += [str(event_id) for event_id in times if event_id not in sent]
    found.skipped = sum(event_id not in times for event_id in skipped)
    found.disordered = _disordered(effects, late or {})
    if gathered is not None:
        found.gathered = [
            str(event_id) for event_id in (Counter(gathered) - times) + (times - Counter(gathered))
        ]
    return found


def _disordered(effects: Sequence[Effect], late: Mapping[UUID, Hashable]) -> list[str]:
    last: dict[Hashable, int] = defaultdict(int)
    wrong = []
    for effect in effects:
        key = effect.topic, effect.key
        own = (*key, late.get(effect.event_id))
        before, seen = last[own], last[key]
        if effect.n <= before or effect.behind != seen:
            wrong.append(f"{effect.topic} {effect.key} #{effect.n} behind #{before}, saw #{effect.behind}")
        last[own], last[key] = max(before, effect.n), effect.n
    return wrong


def _words(event: Sent) -> str:
    return f"{event.topic} {event.key} #{event.n} {event.poison or 'sound'} {event.event_id}"
