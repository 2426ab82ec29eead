"""What the inbox offers to tests of handlers."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.errors import NoHandler, Poison
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, send_steps

pytestmark = pytest.mark.django_db


@pytest.fixture
def strict(effects: Effects) -> MemoryConsumer:
    return MemoryConsumer("test", handlers=effects.registry, ignore=("audit.*",))


class TestRaises:
    def test_what_a_handler_raises(self, strict: MemoryConsumer, effects: Effects) -> None:
        effects.fails["boom"] = lambda: 1 / 0
        send_steps(strict, "a", 1, fail="boom")
        with pytest.raises(ZeroDivisionError):
            strict.drain()

    def test_data_that_does_not_fit(self, strict: MemoryConsumer) -> None:
        strict.send("test.step", {"number": "one"}, key="a")
        with pytest.raises(Poison, match="number"):
            strict.drain()

    @pytest.mark.parametrize(
        ("sent", "hint"), [("test.stepp", r"Did you mean test\.step"), ("shop.order", r"handles: test\.step")]
    )
    def test_an_event_that_no_handler_takes(self, strict: MemoryConsumer, sent: str, hint: str) -> None:
        with pytest.raises(NoHandler, match=hint):
            strict.send(sent, {}, key="a")
        strict.drain()
        assert not strict.log.records["test", 0]

    def test_nothing_for_a_type_to_ignore_or_a_replay(self, strict: MemoryConsumer) -> None:
        strict.send("audit.login", {})
        strict.send("test.step", {"number": 1}, key="a", replay="1")
        strict.drain()

    def test_nothing_if_it_shall_behave_as_in_production(self, consumer: MemoryConsumer) -> None:
        consumer.send("shop.order", {})
        consumer.send("test.step", {"number": "one"}, key="a")
        consumer.drain()
        consumer.assert_held("test.step", key="a", error="number")


class TestAssertions:
    def test_an_event_was_handled(self, strict: MemoryConsumer) -> None:
        send_steps(strict, "a", 1, 2)
        with pytest.raises(AssertionError, match=r"Not handled: test\.step.*\n  test\.step a: not read yet"):
            strict.assert_handled("test.step")
        strict.drain()
        assert strict.assert_handled("test.step", key="a").id == "a-2"
        with pytest.raises(AssertionError, match=r"with key b\. Sent:\n  test\.step a: handled\n"):
            strict.assert_handled("test.step", key="b")

    def test_an_event_is_held(self, consumer: MemoryConsumer, effects: Effects) -> None:
        effects.fails["boom"] = lambda: 1 / 0
        send_steps(consumer, "a", 1, fail="boom")
        send_steps(consumer, "a", 2)
        send_steps(consumer, "b", 1)
        consumer.drain()
        assert consumer.assert_held("test.step", error="ZeroDivisionError").event_id == "a-1"
        assert consumer.assert_held("test.step", key="a").event_id == "a-2"
        consumer.assert_handled("test.step", key="b")
        with pytest.raises(AssertionError, match=r"Not held: test\.step with key b"):
            consumer.assert_held("test.step", key="b")
        with pytest.raises(AssertionError, match=r"test\.step a: held \(.*ZeroDivisionError"):
            consumer.assert_handled("test.step", key="a")

    def test_what_comes_behind_a_failure_was_not_handled(
        self, strict: MemoryConsumer, effects: Effects
    ) -> None:
        effects.fails["boom"] = lambda: 1 / 0
        send_steps(strict, "a", 1, fail="boom")
        send_steps(strict, "b", 1)
        with pytest.raises(ZeroDivisionError):
            strict.drain()
        with pytest.raises(AssertionError):
            strict.assert_handled("test.step", key="b")

    def test_a_failure_shows_the_line_of_the_test(self, strict: MemoryConsumer) -> None:
        calls: list[tuple[str, Any]] = [("assert_handled", "test.step"), ("assert_held", "test.step")]
        for name, argument in [*calls, ("send", "nobody.takes.it")]:
            with pytest.raises((AssertionError, NoHandler)) as info:
                getattr(strict, name)(argument)
            shown = [entry for entry in info.traceback if not entry.ishidden(info)]
            assert [str(entry.path) for entry in shown] == [__file__]


def test_an_unreadable_record_is_named(consumer: MemoryConsumer) -> None:
    consumer.receive("test", b"a", b"{", [("content-type", b"application/cloudevents+json")])
    consumer.drain()
    consumer.assert_held("unreadable record", key="a")


def test_records_of_other_topics_are_not_for_this_consumer(strict: MemoryConsumer) -> None:
    strict.receive("other", b"a", b"{}", [("ce_type", b"shop.order")])
    assert not strict.log.records
