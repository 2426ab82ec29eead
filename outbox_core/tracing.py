"""Spans of OpenTelemetry, the extra ``otel``: the only module that imports it, and that names spans.

It uses the API only. Without the extra, or until the project configures an SDK, nothing is traced. Names
follow the semantic conventions for messaging. No span has the key or payload of an event.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from outbox_core.people.failure import describe
from outbox_core.wire.encode import Record
from outbox_core.wire.event import Event

try:
    from opentelemetry import context as otel_context
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError:
    AVAILABLE = False
else:
    AVAILABLE = True
    _tracer = trace.get_tracer("django-outbox-relay")
    _propagator = TraceContextTextMapPropagator()

MOST_LINKS = 128
"""How many links of a span an SDK keeps by default."""
_NOTHING: AbstractContextManager[None] = nullcontext()


def current() -> tuple[str, str | None] | None:
    """``traceparent`` and ``tracestate`` of the active span; None if there is none."""
    if not AVAILABLE:
        return None
    active = trace.get_current_span()
    if active is trace.INVALID_SPAN or not (span := active.get_span_context()).is_valid:
        return None
    parent = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    return parent, span.trace_state.to_header() or None


class Recording:
    """Whether spans may be recorded. To ask the API costs as much as a small handler."""

    possible = True

    def look(self) -> None:
        """Check whether the project has configured an SDK. The answer is used until the next ``look``."""
        self.possible = _is_recorded()


recording = Recording()


def processing(event: Event, handler: str) -> AbstractContextManager[None]:
    """The span of one handler, in the trace of the event and linked to the span that emitted it."""
    return _processing(event, handler) if _is_recorded() else _NOTHING


@contextmanager
def _processing(event: Event, handler: str) -> Iterator[None]:
    origin = _extracted(event.headers)
    with _tracer.start_as_current_span(
        f"process {event.topic}",
        context=origin,
        kind=trace.SpanKind.CONSUMER,
        links=_links([origin]),
        attributes=_received(event, handler),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(trace.Status(trace.StatusCode.ERROR, describe(error)))
            raise


def processing_many(events: Sequence[Event], handler: str) -> AbstractContextManager[Any]:
    """The span of a batch handler, linked to the spans that emitted its events."""
    if not _is_recorded():
        return _NOTHING
    topics = {event.topic for event in events}
    (topic,) = topics if len(topics) == 1 else ("",)
    span: AbstractContextManager[Any] = _tracer.start_as_current_span(
        f"process {topic}".strip(),
        context=otel_context.Context(),
        kind=trace.SpanKind.CONSUMER,
        links=_links(_extracted(event.headers) for event in events[:MOST_LINKS]),
        attributes=_of("process", topic)
        | {"messaging.batch.message_count": len(events), "code.function.name": handler},
    )
    return span


def sent(records: Sequence[Record], seconds: float) -> None:
    """The span of a wave that took so many seconds and has just ended, linked to the spans that emitted its
    events.
    """
    if not _is_recorded():
        return
    ended = time.time_ns()
    topics = {record.topic for record in records}
    (topic,) = topics if len(topics) == 1 else ("",)
    span = _tracer.start_span(
        f"send {topic}".strip(),
        context=otel_context.Context(),
        kind=trace.SpanKind.PRODUCER,
        links=_links(_extracted(_traced(record)) for record in records[:MOST_LINKS]),
        attributes=_of("send", topic) | {"messaging.batch.message_count": len(records)},
        start_time=ended - int(seconds * 1e9),
    )
    span.end(ended)


def _is_recorded() -> bool:
    """Whether there is an SDK. Without one, a span would record nothing, and still cost 13 us."""
    if not AVAILABLE:
        return False
    return not (
        isinstance(_tracer, trace.ProxyTracer)
        and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    )


def _received(event: Event, handler: str) -> dict[str, Any]:
    return _of("process", event.topic) | {
        "messaging.destination.partition.id": str(event.partition),
        "messaging.kafka.offset": event.offset,
        "messaging.message.id": event.id,
        "cloudevents.event_type": event.type,
        "code.function.name": handler,
    }


def _of(operation: str, topic: str) -> dict[str, Any]:
    named = {"messaging.destination.name": topic} if topic else {}
    return named | {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }


def _extracted(headers: Mapping[str, str]) -> Any:
    """The context of these headers, and nothing of the context of this process."""
    return _propagator.extract(headers, otel_context.Context())


def _links(origins: Any) -> list[Any]:
    """Links to the spans in these contexts."""
    found = (trace.get_current_span(origin).get_span_context() for origin in origins)
    return [trace.Link(each) for each in found if each.is_valid]


def _traced(record: Record) -> dict[str, str]:
    """The trace headers of a record."""
    return {
        name.removeprefix("ce_"): value.decode("latin-1")
        for name, value in record.headers
        if name in ("ce_traceparent", "ce_tracestate")
    }
