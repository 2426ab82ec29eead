"""A backfill beside live writers: the events of a key are in the order of its commits."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable
from threading import Event
from typing import Any

import msgspec
import pytest
from django.db import transaction
from django.db.models import F
from django.db.models.signals import post_save

import outbox
from outbox.models import Ledger, Operation, OutboxEvent
from outbox.operations.backfill.calls import Calls, chosen
from outbox.operations.backfill.rows import Rows
from outbox.operations.backfill.run import order
from outbox.operations.bulk import operations
from outbox.testing import CapturedEvents
from outbox_core.operations.bulk.carrier import Carrier
from relay.publishers.memory import MemoryPublisher
from tests.outbox.backfills import run as backfill
from tests.outbox.concurrency import in_background, wait_until_somebody_is_blocked
from tests.relay.conftest import running
from tests.testapp.events import Note, Turn
from tests.testapp.models import ExpressParcel, Parcel
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 40
RUNS = 3
TRANSACTIONS = 40


def note_weights(meanwhile: Callable[[Any], object] = lambda _: None) -> None:
    @outbox.receiver(post_save, sender=Parcel)
    def weighed(instance: Any, backfill: bool = False, **kwargs: Any) -> Note:
        if backfill:
            meanwhile(instance)
        return Note(str(instance.pk), str(instance.weight))


def seen(events: CapturedEvents) -> list[tuple[int, str]]:
    return [(int(event.key), event.data["text"]) for event in events]


def add_weight(pk: int) -> None:
    Parcel.objects.filter(pk=pk).update(weight=F("weight") + 1)


def rows(model: type[Parcel], count: int) -> list[int]:
    return [model.objects.create(code=f"p{n}").pk for n in range(count)]


@pytest.mark.parametrize("model", [Parcel, ExpressParcel])
def test_a_backfill_waits_for_the_writer_of_a_row_and_writes_what_it_committed(
    model: type[Parcel], outbox_events: CapturedEvents
) -> None:
    """The rows before it are written meanwhile. The writer of a child changes its parent's table only."""
    first, held, last = rows(model, 3)
    note_weights()
    with transaction.atomic():
        add_weight(held)
        done = in_background(lambda: backfill(model._meta.label))
        wait_until_somebody_is_blocked()
        wait_until(lambda: (first, "0") in seen(outbox_events), 20, "the row before it is not written")
    done.result(30)
    assert seen(outbox_events) == [(held, "1"), (first, "0"), (held, "1"), (last, "0")]


@pytest.mark.parametrize("model", [Parcel, ExpressParcel])
def test_a_writer_waits_for_the_chunk_of_its_row(model: type[Parcel], outbox_events: CapturedEvents) -> None:
    (pk,) = rows(model, 1)
    writers = []

    def write_meanwhile(_: Any) -> None:
        writers.append(in_background(lambda: add_weight(pk)))
        wait_until_somebody_is_blocked()

    note_weights(write_meanwhile)
    backfill(model._meta.label)
    for writer in writers:
        writer.result(30)
    assert seen(outbox_events) == [(pk, "0"), (pk, "1")]


def test_a_row_that_vanishes_meanwhile_has_no_event(outbox_events: CapturedEvents) -> None:
    first, gone, last = rows(Parcel, 3)
    note_weights()
    with transaction.atomic():
        Parcel.objects.filter(pk=gone).delete()
        done = in_background(backfill)
        wait_until_somebody_is_blocked()
    done.result(30)
    assert seen(outbox_events) == [(first, "0"), (last, "0")]


def test_a_key_that_a_writer_has_serialized_is_waited_for(outbox_events: CapturedEvents) -> None:
    rows(Parcel, 1)

    @outbox.receiver(post_save, sender=Parcel)
    def turned(instance: Any, backfill: bool = False, **kwargs: Any) -> Turn:
        return Turn("key")

    with transaction.atomic():
        outbox.emit(Turn("key"))
        done = in_background(backfill)
        wait_until_somebody_is_blocked()
        outbox.emit(Note("before the commit of the writer"))
    done.result(30)
    assert [event.key for event in outbox_events] == ["key", "before the commit of the writer", "key"]


def test_a_relay_writes_the_events_of_a_backfill(outbox_events: CapturedEvents) -> None:
    """Its thread for operations does it, in the project that has the receivers, and no faster than asked."""
    pks = rows(Parcel, 20)
    note_weights()
    calls = Calls(rows=Rows(model=Parcel, using="default"), receivers=chosen(Parcel, ()))
    what = order(calls, pks[-1], "mara", rate=40, chunk=5, max_age=86_400, skip_failing=False)
    began = time.monotonic()
    row = operations.begin(what, "default", 20)
    with Carrier(operations, "default", "relay") as carrier:
        carrier.notice()
        wait_until(lambda: Operation.objects.get(pk=row.pk).state == "done", 30, "it is done")
    assert time.monotonic() - began > 3 * 5 / 40
    assert seen(outbox_events) == [(pk, "0") for pk in pks]
    assert (Operation.objects.get().done, Ledger.objects.get(verb="backfill").count) == (20, 20)


class Writer:
    """Changes rows, several in one transaction, until ``over``."""

    def __init__(self, seed: int, pks: list[int], over: Event) -> None:
        self.chance, self.pks, self.over, self.written = random.Random(seed), pks, over, 0

    def run(self) -> None:
        while not self.over.is_set():
            self.transaction()

    def transaction(self) -> None:
        with transaction.atomic():
            for pk in sorted(self.chance.sample(self.pks, self.chance.choice([1, 1, 2, 3]))):
                self.chance.choice([add_weight, self.save])(pk)
                time.sleep(self.chance.random() * 0.004)
            transaction.set_rollback(self.chance.random() < 0.1)
        self.written += 1

    def save(self, pk: int) -> None:
        parcel = Parcel.objects.select_for_update().get(pk=pk)
        parcel.weight += 1
        parcel.save()


def test_what_is_published_under_load_never_goes_back_and_ends_with_the_row() -> None:
    pks, over, publisher = rows(Parcel, ROWS), Event(), MemoryPublisher()
    note_weights()
    OutboxEvent.objects.all().delete()
    writers = [Writer(seed, pks, over) for seed in range(3)]
    with running(publisher):
        at_work = [in_background(writer.run) for writer in writers]
        runs, deadline = 0, time.monotonic() + 60
        while runs < RUNS or any(writer.written < TRANSACTIONS for writer in writers):
            assert time.monotonic() < deadline, "the writers or the backfill do not get on"
            backfill("testapp.Parcel", "--restart", chunk=8)
            runs += 1
        over.set()
        for each in at_work:
            each.result(30)
        wait_until(lambda: len(publisher.records) >= OutboxEvent.objects.count(), 20, "not all is published")
    weights = published(publisher)
    backfilled = sum(("ce_backfill", b"true") in record.headers for record in publisher.records)
    assert backfilled == runs * ROWS
    assert all(each == sorted(each) for each in weights.values())
    assert {pk: each[-1] for pk, each in weights.items()} == dict(Parcel.objects.values_list("pk", "weight"))


def published(publisher: MemoryPublisher) -> dict[int, list[int]]:
    """The weights of each parcel, in the order in which they were published."""
    found = defaultdict(list)
    for record in list(publisher.records):
        found[int(record.key)].append(int(msgspec.json.decode(record.value or b"")["text"]))
    return found
