"""A short campaign against a consumer, and the checker finds what it is there to find."""

from __future__ import annotations

import os
from dataclasses import fields
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from inbox.handling.routing import Delivery, Identity
from inbox.signals import event_held
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.event import Event
from tests.torture import campaign
from tests.torture.ground import Ground
from tests.torture.inbox.checker import Effect, compare
from tests.torture.inbox.faults import FAULTS
from tests.torture.inbox.producer import Sent
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
    assert REFUSED.findall(caplog.text) == [refused.identity.event_id]


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
