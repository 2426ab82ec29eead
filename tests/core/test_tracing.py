"""Spans of OpenTelemetry: from what emits an event over its wave to each handler, in one trace."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import outbox
from inbox.handling.registry import Registry
from outbox.write import context
from outbox_core import tracing
from outbox_core.wire.encode import Record
from outbox_core.wire.event import Event, Handling

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
ELSEWHERE = f"00-{'a' * 32}-{'b' * 16}-01"


@dataclass(frozen=True, slots=True)
class Nothing:
    """A payload without fields."""


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What an SDK of the project would send away."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("tests"))
    yield exporter
    provider.shutdown()


def event(traceparent: str = PARENT) -> Event:
    return Event(
        id="e-1", source="/s", type="test.step", time=datetime.now(UTC), topic="t", partition=3, offset=7,
        key="mara@example.org", headers={"traceparent": traceparent},
    )  # fmt: skip


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exporter.get_finished_spans()
    return span


def ids(span: trace.SpanContext) -> tuple[str, str]:
    return f"{span.trace_id:032x}", f"{span.span_id:016x}"


def ids_of(traceparent: str | None) -> tuple[str, ...]:
    return tuple((traceparent or "").split("-")[1:3])


def test_an_event_belongs_to_the_span_that_emits_it(exported: InMemorySpanExporter) -> None:
    with tracing._tracer.start_as_current_span("request") as span:
        found = context.current()
    assert found is not None
    assert ids_of(found.traceparent) == ids(span.get_span_context())


def test_a_scope_that_names_another_trace_wins(exported: InMemorySpanExporter) -> None:
    with tracing._tracer.start_as_current_span("request"), outbox.context(traceparent=PARENT, actor="mara"):
        found = context.current()
    assert found is not None
    assert (found.traceparent, found.actor) == (PARENT, "mara")


def test_a_handler_is_a_span_in_the_trace_of_its_event_and_emits_in_it(
    exported: InMemorySpanExporter,
) -> None:
    registry, emitted = Registry(), []

    @registry.handler("test.step")
    def step(event: Event) -> None:
        emitted.append(context.current())

    (handler,) = registry
    handler(event(), handler.arguments(event()))
    span = only(exported)
    assert (span.name, span.kind) == ("process t", trace.SpanKind.CONSUMER)
    assert ids(span.context)[0] == TRACE
    assert [ids(link.context) for link in span.links] == [(TRACE, SPAN)]
    assert span.parent is not None
    assert ids(span.parent) == (TRACE, SPAN)
    assert emitted[0] is not None
    assert ids_of(emitted[0].traceparent) == ids(span.context)
    assert emitted[0].causation_id == "e-1"
    attributes = dict(span.attributes or {})
    assert attributes["messaging.kafka.offset"] == 7
    assert attributes["cloudevents.event_type"] == "test.step"
    assert "mara" not in span.to_json()


def test_a_handler_that_fails_is_an_error_without_its_secrets(exported: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="hunter2"), tracing.processing(event(), "app.step"):
        raise ValueError("postgresql://u:hunter2@host/db")
    span = only(exported)
    assert span.status.status_code is trace.StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == "ValueError"
    assert "hunter2" not in span.to_json()


def test_a_wave_is_a_span_with_links_to_what_emitted_its_events(exported: InMemorySpanExporter) -> None:
    headers = [[("ce_traceparent", parent.encode())] for parent in (PARENT, ELSEWHERE)]
    records = [Record("t", b"mara@example.org", b"{}", each) for each in [*headers, []]]
    tracing.sent(records, 2.0)
    span = only(exported)
    assert (span.name, span.kind, span.parent) == ("send t", trace.SpanKind.PRODUCER, None)
    assert [ids(link.context) for link in span.links] == [(TRACE, SPAN), ("a" * 32, "b" * 16)]
    assert dict(span.attributes or {})["messaging.batch.message_count"] == 3
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 2_000_000_000
    assert "mara" not in span.to_json()


def test_a_trace_that_is_no_trace_is_no_parent(exported: InMemorySpanExporter) -> None:
    with tracing.processing(event("rubbish"), "app.step"):
        pass
    span = only(exported)
    assert (span.parent, span.links) == (None, ())


def test_without_an_sdk_a_handler_has_no_span_and_emits_in_the_trace_of_its_event() -> None:
    with Handling(event()), tracing.processing(event(), "app.step"):
        assert trace.get_current_span() is trace.INVALID_SPAN
        emitted = context.current()
    assert emitted is not None
    assert emitted.traceparent == PARENT


def test_an_sdk_that_is_configured_after_the_import_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = TracerProvider()
    monkeypatch.setattr(tracing, "_tracer", trace.ProxyTracer("tests"))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    with tracing.processing(event(), "app.step"):
        assert trace.get_current_span().is_recording()


def test_without_the_extra_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "outbox_core.tracing")
    without = importlib.import_module("outbox_core.tracing")
    monkeypatch.setattr("outbox_core.tracing", tracing)
    assert (without.AVAILABLE, without.current()) == (False, None)
    without.sent([], 1.0)
    with without.processing(event(), "app.step"), Handling(event()):
        pass
