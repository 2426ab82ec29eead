"""A short campaign against a consumer, and the checker finds what it is there to find."""

from __future__ import annotations

import os
from dataclasses import fields
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from kafka import TopicPartition
from msgspec import structs

from inbox.handling.routing import Delivery, Identity
from inbox.holding.retries import DIED
from inbox.signals import event_held
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.event import Event
from tests.torture import campaign
from tests.torture.ground import Ground
from tests.torture.inbox import verdict as verdicts
from tests.torture.inbox.checker import Effect, compare
from tests.torture.inbox.deaths import Attempt, Hit, in_hand
from tests.torture.inbox.faults import FAULTS
from tests.torture.inbox.producer import Sent
from tests.torture.inbox.seeking import Move, Sought
from tests.torture.inbox.trial import REFUSED, ConsumerTrial
from tests.torture.inbox.verdict import Verdict

SEED = int(os.environ.get("SEED", "1"))
SHORT = [
    "kill-before-offsets",
    "stop-before-commit",
    "terminate",
    "release",
    "terminate-backends",
    "postgres-stop-immediate",
    "kafka-cut",
    "redeliver",
]
EVENTS = [Sent(uuid4(), "t", "k", n, "", b"{}") for n in (1, 2, 3)]
ROTTEN = Sent(uuid4(), "t", "r", 1, "rotten", b"")
SENT: dict[UUID, Sent] = {sent.event_id: sent for sent in (*EVENTS, ROTTEN)}
ONE, TWO, THREE = (Effect(sent.event_id, "t", "k", sent.n, sent.n - 1) for sent in EVENTS)
SEEN = Effect(ROTTEN.event_id, "t", "r", 1, 0)


def test_every_effect_comes_once_and_in_order_whatever_happens(ground: Ground) -> None:
    with ConsumerTrial(ground, seed=SEED) as trial:
        campaign.run(trial, [(FAULTS[name],) for name in SHORT], between=campaign.LITTLE_BETWEEN)
        verdict = trial.verdict()
    assert verdict.holds, verdict.table()


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ([ONE, TWO, THREE], {}),
        ([ONE, TWO], {"missing": 1}),
        ([ONE, TWO, THREE, THREE._replace(behind=3)], {"twice": 1, "disordered": 1}),
        ([ONE, THREE._replace(behind=1), TWO._replace(behind=3)], {"disordered": 1}),
        ([ONE, TWO, THREE._replace(behind=1)], {"disordered": 1}),
        ([ONE, TWO, THREE, ONE._replace(event_id=uuid4(), key="x")], {"unknown": 1}),
        ([ONE, TWO, THREE, SEEN], {"unknown": 1}),
        ([], {"missing": 3}),
    ],
    ids=["all", "missing", "twice", "swapped", "unseen", "unknown", "unreadable", "none"],
)
def test_the_checker_finds(effects: list[Effect], expected: dict[str, int]) -> None:
    findings = compare(SENT, effects, discarded=[ROTTEN.event_id])
    lists = {f.name: getattr(findings, f.name) for f in fields(findings)}
    assert {name: len(v) for name, v in lists.items() if isinstance(v, list) and v} == expected
    assert Verdict(1, [], findings).holds is (not expected)


def test_the_checker_finds_what_became_of_the_rest() -> None:
    effects = [ONE, TWO, THREE]
    ids = [effect.event_id for effect in effects]
    findings = compare(
        SENT,
        effects,
        gathered=[*ids[1:], ids[2]],
        discarded=[ids[0]],
        refused=[ids[1], ROTTEN.event_id],
        held=[ROTTEN.event_id],
    )
    assert len(findings.wrongly_held) == 1
    assert len(findings.gathered) == 2
    assert len(findings.wrongly_discarded) == 2
    assert len(findings.left_held) == 1


@pytest.mark.parametrize("key", [b"k", None])
def test_what_is_held_for_an_error_of_its_own_is_read_from_the_log(
    key: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    behind = held(key)
    refused = held(key).refused(ValueError("x"))
    for delivery in (behind, refused):
        event_held.send("torture", delivery=delivery)
    assert REFUSED.findall(caplog.text) == [(refused.identity.event_id, "")]


def test_so_is_how_often_a_process_died_with_it(caplog: pytest.LogCaptureFixture) -> None:
    died = held(b"k").refused(ValueError("x"))
    event_held.send("torture", delivery=structs.replace(died, error=DIED.format(2, 2)))
    assert REFUSED.findall(caplog.text) == [(died.identity.event_id, "2")]


def test_only_the_last_attempt_of_a_process_that_was_hit_is_excused() -> None:
    first, second, third = (sent.event_id for sent in EVENTS)
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    attempts = [Attempt(first, 1, early), Attempt(second, 1, late), Attempt(third, 2, early)]
    attempts.append(Attempt(second, 3, early))
    assert in_hand(attempts, [Hit(1, late), Hit(3, late)]) == {second: 2}
    assert in_hand(attempts, [Hit(1, early), Hit(4, late)]) == {first: 1}


PARTITION = TopicPartition("t", 0)
PLACES = {n: sent.event_id for n, sent in enumerate(EVENTS)}


@pytest.mark.parametrize(
    ("moves", "missing", "late"),
    [
        ([(0, 2)], [1, 2], [1, 2]),
        ([(0, 2), (2, 0)], [], [1, 2]),
        ([(0, 2), (2, 1)], [1], [1, 2]),
        ([(2, 0)], [], []),
        ([(2, 0), (1, 2)], [2], [2]),
        ([(1, 1)], [], []),
    ],
    ids=["forward", "and back", "and half the way", "back", "and forward again", "to where it is"],
)
def test_what_is_skipped_may_be_missing_or_late(
    moves: list[tuple[int, int]], missing: list[int], late: list[int]
) -> None:
    sought = Sought()
    for before, to in moves:
        sought.note(Move(PARTITION, before, to), PLACES)
    assert sought.missing({PARTITION: PLACES}) == {PLACES[n - 1] for n in missing}
    assert sought.late.keys() == {PLACES[n - 1] for n in late}


def test_what_was_handled_before_it_is_skipped_does_not_come_late() -> None:
    """The first one is skipped. Then the consumer is moved back, over both before it has read them, and back
    once more.
    """
    sought, one, two = Sought(), PLACES[0], PLACES[1]
    sought.note(Move(PARTITION, 0, 1), PLACES)
    for before, to in ((2, 0), (0, 2), (2, 0)):
        sought.note(Move(PARTITION, before, to), PLACES, handled={two})
    assert sought.late.keys() == {one}
    effects = [TWO._replace(behind=0), ONE._replace(behind=2)]
    assert not compare(SENT, effects, late=sought.late).disordered


def test_what_is_sent_again_after_it_was_skipped_comes_by_itself() -> None:
    sought, (one, two) = Sought(), (PLACES[0], PLACES[1])
    sought.note(Move(PARTITION, 0, 2), PLACES)
    effects = [THREE._replace(behind=0), TWO._replace(behind=3), ONE._replace(behind=2)]
    assert compare(SENT, effects, late=sought.late).disordered
    sought.sent({**PLACES, 3: two, 4: one})
    assert not compare(SENT, effects, late=sought.late).disordered


def test_what_was_sent_again_behind_is_not_missing() -> None:
    sought, places = Sought(), {**PLACES, 3: PLACES[0]}
    sought.note(Move(PARTITION, 0, 2), places)
    assert sought.missing({PARTITION: places}) == {PLACES[1]}
    sought.deleted(PARTITION, places)
    assert sought.missing({}) == {PLACES[1]}, "the topic is deleted"


def test_the_checker_knows_what_people_skipped() -> None:
    one, two = (sent.event_id for sent in EVENTS[:2])
    back = [THREE._replace(behind=0), ONE._replace(behind=3), TWO]
    rotten = {"discarded": [ROTTEN.event_id]}
    assert not compare(SENT, back, late={one: 1, two: 1}, **rotten).disordered
    assert compare(SENT, back, late={one: 1}, **rotten).disordered
    swapped = [THREE._replace(behind=0), TWO._replace(behind=3), ONE._replace(behind=2)]
    assert len(compare(SENT, swapped, late={one: 1, two: 1}, **rotten).disordered) == 1
    findings = compare(SENT, [THREE._replace(behind=0)], skipped=[one, ROTTEN.event_id])
    assert (findings.missing, findings.skipped) == ([f"t k #2 sound {two}"], 2)
    assert not findings.wrongly_discarded


def held(key: bytes | None) -> Delivery:
    record = ConsumerRecord(topic="t", partition=0, offset=7, key=key, value=b"{}")
    where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    event = Event(id=str(uuid4()), source="/s", type="torture.step", time=datetime.now(UTC), **where)  # type: ignore[arg-type]
    return Delivery(record=record, identity=Identity("/s", event.id), event=event)


@pytest.mark.parametrize("trouble", ["lag", "exits", "leaving", "tracebacks", "complaints"])
def test_the_verdict_is_red_for(trouble: str) -> None:
    findings = compare(SENT, [ONE, TWO, THREE], discarded=[ROTTEN.event_id])
    wrong = {"lag": 1, "exits": {1: 1}, "leaving": {3: 1}, "tracebacks": 1, "complaints": ["one"]}
    verdict = Verdict(1, [], findings)
    assert verdict.holds
    setattr(verdict, trouble, wrong[trouble])
    assert not verdict.holds


def test_a_process_that_is_asked_to_end_may_die_of_what_it_has_in_hand() -> None:
    findings = compare(SENT, [ONE, TWO, THREE], discarded=[ROTTEN.event_id])
    assert Verdict(1, [], findings, leaving={0: 2, verdicts.DIED: 1}).holds
