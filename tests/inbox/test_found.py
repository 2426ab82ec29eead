"""What once went wrong: records and moments that ended a consumer, or left a key standing still."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from msgspec import structs

from inbox import Batch
from inbox.holding.retries import Culprit, Retries
from inbox.models import HeldEvent, Processed
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps
from tests.inbox.test_admin import LIST, viewer

CE = [("ce_specversion", b"1.0"), ("ce_id", b"z"), ("ce_source", b"s"), ("ce_type", b"test.step")]


def waiting() -> list[tuple[str, bool]]:
    """What is held, and whether it is released."""
    return [(held.event_id, held.released_at is not None) for held in HeldEvent.objects.waiting()]


def poison(consumer: MemoryConsumer, effects: Effects) -> None:
    effects.fails["poison"] = raising(ValueError("x"))
    send_steps(consumer, "a", 1, fail="poison")
    send_steps(consumer, "a", 2, 3)
    consumer.drain()


def test_payload_nested_beyond_reason_is_held(consumer: MemoryConsumer, effects: Effects) -> None:
    nested = b'{"number":1,"other":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    consumer.send("test.step", nested, key="a", event_id="a-1")
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.of("b"), waiting()) == ([1], [("a-1", False)])


def test_record_of_a_time_that_cannot_be_is_handled(consumer: MemoryConsumer, effects: Effects) -> None:
    record = consumer.log.append("test", key=b"a", value=b'{"number":1}', headers=CE)
    consumer.log.records["test", 0][-1] = structs.replace(record, timestamp=1_763_842_800_000_000)
    send_steps(consumer, "b", 1)
    consumer.drain()
    assert (effects.of("a"), effects.of("b"), waiting()) == ([1], [1], [])


def test_headers_of_others_may_be_binary(consumer: MemoryConsumer, effects: Effects) -> None:
    headers = [*CE, ("kafka_dlt-original-offset", b"\x00\xff\xc8")]
    consumer.log.append("test", key=b"a", value=b'{"key":"a","number":1}', headers=headers)
    consumer.drain()
    assert waiting() == []


def test_discard_while_a_released_event_fails_lets_the_rest_of_the_key_go_on(
    consumer: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(consumer, effects)
    HeldEvent.objects.waiting().release()
    blame = Retries._blame

    def after_a_discard(retries: Retries, culprit: Culprit, before: HeldEvent) -> bool:
        HeldEvent.objects.filter(event_id=before.event_id).discard(by="me", reason="a test")
        return blame(retries, culprit, before)

    monkeypatch.setattr(Retries, "_blame", after_a_discard)
    for _ in range(3):
        consumer.retry()
    assert (effects.of("a"), waiting()) == ([2, 3], [])


class Refused(Batch):
    def write(self) -> None:
        raise ValueError("refused")


def test_released_event_whose_batch_cannot_be_written_is_left_held(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    """It has been deleted by then, in a transaction that is rolled back."""
    poison(consumer, effects)
    effects.fails["poison"] = Refused.current
    HeldEvent.objects.waiting().release()
    consumer.drain()
    assert [row.error for row in HeldEvent.objects.waiting()] == ["ValueError: refused", "", ""]


def test_hook_that_fails_behind_the_commit_of_a_released_event_does_not_stop_its_key(
    effects: Effects, transactional_db: None
) -> None:
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    poison(consumer, effects)
    effects.fails["poison"] = lambda: transaction.on_commit(raising(ValueError("hook")))
    HeldEvent.objects.waiting().release()
    for _ in range(4):
        consumer.retry()
    assert (effects.of("a"), waiting()) == ([1, 2, 3], [])


def test_what_is_held_is_remembered_however_old_it_is(consumer: MemoryConsumer, effects: Effects) -> None:
    poison(consumer, effects)
    send_steps(consumer, "b", 1)
    consumer.drain()
    Processed.objects.update(processed_at="2020-01-01T00:00:00Z")
    Processed.objects.prune(HeldEvent.objects.latest("held_at").held_at, 100)
    assert sorted(Processed.objects.values_list("event_id", flat=True)) == ["a-1", "a-2", "a-3"]


@pytest.mark.parametrize("lookup", ["record__contains", "record__regex", "key_hash"])
def test_query_string_cannot_guess_a_payload(consumer: MemoryConsumer, effects: Effects, lookup: str) -> None:
    poison(consumer, effects)
    client: Client = viewer()
    answer = client.get(LIST, {lookup: "00"}, follow=False)
    assert answer.status_code in (302, 400)
    assert client.get(LIST, {"topic": "test"}).status_code == 200
