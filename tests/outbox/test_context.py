"""Where an event comes from travels along with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client
from hypothesis import given
from hypothesis import strategies as st

import outbox
from outbox.testing import CapturedEvents
from outbox.write.context import current
from tests.testapp.events import Note

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

Request = Callable[..., None]


def headers(**given: Any) -> dict[str, str]:
    with outbox.context(**given) as context:
        return context.extensions()


class TestContext:
    def test_becomes_cloudevents_attributes(self) -> None:
        assert headers(
            traceparent=TRACE, tracestate="a=1,b=2", correlation_id="c", causation_id="d", actor="7"
        ) == {
            "traceparent": TRACE,
            "tracestate": "a=1,b=2",
            "correlationid": "c",
            "causationid": "d",
            "actor": "7",
        }

    def test_names_are_ones_that_cloudevents_allows(self) -> None:
        names = headers(traceparent=TRACE, tracestate="a=1", correlation_id="c", causation_id="d", actor="7")
        assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in names)

    def test_inner_one_adds_to_the_outer_one(self) -> None:
        with outbox.context(correlation_id="c", actor="7"):
            assert headers(actor="8") == {"correlationid": "c", "actor": "8"}
            assert headers() == {"correlationid": "c", "actor": "7"}
        assert current() is None

    def test_new_trace_leaves_the_state_of_the_old_one_behind(self) -> None:
        with outbox.context(traceparent=TRACE, tracestate="a=1"):
            assert headers(traceparent=OTHER) == {"traceparent": OTHER}

    def test_ends_with_an_exception_too(self) -> None:
        with pytest.raises(ZeroDivisionError), outbox.context(actor="7"):
            raise ZeroDivisionError
        assert current() is None

    def test_is_each_tasks_own(self) -> None:
        elsewhere = copy_context()
        with outbox.context(actor="7"):
            assert elsewhere.run(current) is None

    def test_asks_who_acts_when_an_event_is_emitted(self) -> None:
        who: list[str | None] = [None, "7", "a\r\nb: c"]
        with outbox.context(actor=lambda: who.pop(0)) as context:
            assert context.extensions() == {}
            assert context.extensions() == {"actor": "7"}
            assert context.extensions() == {}

    @pytest.mark.parametrize(
        "given",
        [
            {"traceparent": ""},
            {"traceparent": "00-0af7"},
            {"traceparent": TRACE.upper()},
            {"traceparent": "ff" + TRACE[2:]},
            {"traceparent": TRACE + "\n"},
            {"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"},
            {"traceparent": f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01"},
            {"tracestate": "no value"},
            {"tracestate": "a=1,,b=2"},
            {"tracestate": ",".join(f"k{number}=1" for number in range(33))},
            {"tracestate": "a=" + "x" * 511},
            {"tracestate": "a=ü"},
            {"correlation_id": ""},
            {"correlation_id": "x" * 129},
            {"correlation_id": "a b"},
            {"causation_id": "a\x00b"},
            {"causation_id": "a\r\nx: y"},
            {"actor": "ü"},
            {"actor": 7},
            {"correlation_id": UUID(int=7)},
            {"correlation_id": lambda: "later"},
        ],
        ids=repr,
    )
    def test_refuses(self, given: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=rf"{next(iter(given))} .* is not allowed: "):
            headers(**given)

    @given(st.text(), st.text())
    def test_nothing_but_printable_ascii_ever_gets_into_a_header(self, state: str, actor: str) -> None:
        try:
            travelling = headers(traceparent=TRACE, tracestate=state, actor=actor)
        except ValueError:
            return
        assert all(value.isascii() and value.isprintable() for value in travelling.values())


@pytest.mark.django_db
def test_an_actor_that_is_no_text_is_refused_by_name() -> None:
    with outbox.context(actor=lambda: 7), pytest.raises(ValueError, match="actor 7"):  # type: ignore[arg-type, return-value]
        headers()


class TestDecorator:
    def test_of_an_async_function(self) -> None:
        @outbox.context.attributes(tenant="t1")
        async def tenant() -> dict[str, str]:
            await asyncio.sleep(0)
            return headers()

        @async_to_sync
        async def two() -> Any:
            return await asyncio.gather(tenant(), tenant())

        assert list(two()) == [{"tenant": "t1"}] * 2
        assert headers() == {}

    def test_of_what_runs_after_the_block_is_refused(self) -> None:
        def values() -> Iterator[None]:
            yield

        async def awaited() -> AsyncIterator[None]:
            yield

        for later in (values, awaited, TestContext):
            with pytest.raises(ImproperlyConfigured, match="`with` block"):
                outbox.context.attributes(tenant="t1")(later)

    def test_one_block_is_not_entered_twice_at_a_time(self) -> None:
        block = outbox.context.attributes(tenant="t1")
        for _ in range(2):
            with block, pytest.raises(RuntimeError, match="in use already"):
                block.__enter__()
        assert headers() == {}


def test_event_carries_the_context_it_is_emitted_in(outbox_events: CapturedEvents) -> None:
    with outbox.context(correlation_id="c"):
        outbox.emit(Note("a"))
    outbox.emit(Note("b"))
    assert [event.headers.get("correlationid") for event in outbox_events] == ["c", None]


@pytest.mark.django_db
@pytest.mark.urls("tests.testapp.urls")
class TestMiddleware:
    @pytest.fixture(params=["sync", "async"])
    def request_(self, request: pytest.FixtureRequest) -> Request:
        def send(user: User | None = None, **headers: str) -> None:
            client: Any = Client() if request.param == "sync" else AsyncClient()
            if user is not None:
                client.force_login(user)
            if request.param == "sync":
                response = client.get("/note", headers=headers)
            else:
                response = async_to_sync(client.get)("/anote", headers=headers)
            assert response.status_code == 200

        return send

    def test_takes_over_trace_and_correlation(self, request_: Request, outbox_events: CapturedEvents) -> None:
        request_(**{"traceparent": TRACE, "tracestate": "a=1", "X-Correlation-ID": "c", "X-Request-ID": "r"})
        (event,) = outbox_events
        assert event.headers == {
            "traceparent": TRACE,
            "tracestate": "a=1",
            "correlationid": "c",
        }

    def test_takes_the_request_id_instead(self, request_: Request, outbox_events: CapturedEvents) -> None:
        request_(**{"X-Correlation-ID": "not well-formed", "X-Request-ID": "r"})
        assert outbox_events[0].headers["correlationid"] == "r"

    def test_leaves_out_what_is_not_well_formed(
        self, request_: Request, outbox_events: CapturedEvents
    ) -> None:
        request_(**{"traceparent": "x", "tracestate": "a=1", "X-Correlation-ID": "x" * 1000})
        (event,) = outbox_events
        assert event.headers.keys() == {"correlationid"}
        assert len(event.headers["correlationid"]) == 36

    def test_makes_a_correlation_for_each_request(
        self, request_: Request, outbox_events: CapturedEvents
    ) -> None:
        request_()
        request_()
        first, second = outbox_events
        assert first.headers["correlationid"] != second.headers["correlationid"]

    def test_names_the_user_who_is_signed_in(self, request_: Request, outbox_events: CapturedEvents) -> None:
        user = User(pk=77, username="ada")
        user.save()
        request_(user)
        assert [event.headers["actor"] for event in outbox_events if event.type == "test.note"] == ["77"]
