"""The origin of an event: trace, correlation, causation and actor. Every event emitted in the scope, or by a
handler of the inbox, carries them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from outbox.write.attributes import called, of_scope
from outbox.write.block import Block
from outbox_core import tracing
from outbox_core.wire.event import current_event

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_MEMBER = r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_TRACESTATE = re.compile(rf"(?=.{{1,512}}\Z){_MEMBER}([ \t]*,[ \t]*{_MEMBER}){{0,31}}")
_ID = re.compile(r"[\x21-\x7e]{1,128}")

_ALLOWED = {
    "traceparent": _TRACEPARENT,
    "tracestate": _TRACESTATE,
    "correlation_id": _ID,
    "causation_id": _ID,
    "actor": _ID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The origin of the events emitted now. ``actor`` and attributes may be functions, which are called when
    an event is emitted.
    """

    traceparent: str | None = None
    tracestate: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    actor: str | Callable[[], str | None] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    backfill: bool = False

    def __post_init__(self) -> None:
        for name in _ALLOWED:
            value = getattr(self, name)
            is_later = name == "actor" and callable(value)
            if not (value is None or is_later or (isinstance(value, str) and is_valid(name, value))):
                raise ValueError(f"{name} {value!r} is not allowed: {_RULES[name]}.")
        object.__setattr__(self, "attributes", of_scope(self.attributes))

    def inside(self, outer: Context | None) -> Context:
        """Missing values come from the outer context. A trace state is only taken together with
        its parent.
        """
        if outer is None:
            return self
        return Context(
            traceparent=self.traceparent or outer.traceparent,
            tracestate=self.tracestate or (None if self.traceparent else outer.tracestate),
            correlation_id=self.correlation_id or outer.correlation_id,
            causation_id=self.causation_id or outer.causation_id,
            actor=self.actor or outer.actor,
            attributes={**outer.attributes, **self.attributes},
            backfill=self.backfill or outer.backfill,
        )

    def extensions(self) -> dict[str, str]:
        """The CloudEvents extension attributes, whose names are lower-case letters and digits only. Raises
        ValueError for what a function gave as the value of an attribute.
        """
        actor = self.actor() if callable(self.actor) else self.actor
        if not isinstance(actor, str | None):
            raise ValueError(f"actor {actor!r} is not text: give str(…).")  # noqa: TRY004
        known = {
            "traceparent": self.traceparent,
            "tracestate": self.tracestate,
            "correlationid": self.correlation_id,
            "causationid": self.causation_id,
            "actor": actor if actor is None or is_valid("actor", actor) else None,
            "backfill": "true" if self.backfill else None,
        }
        extensions = {name: value for name, value in known.items() if value is not None}
        return extensions | called(self.attributes) if self.attributes else extensions


_RULES = {
    "traceparent": "see W3C Trace Context, section 3.2",
    "tracestate": "see W3C Trace Context, section 3.3",
    "correlation_id": "1 to 128 printable ASCII characters without spaces",
    "causation_id": "1 to 128 printable ASCII characters without spaces",
    "actor": "1 to 128 printable ASCII characters without spaces",
}

_current: ContextVar[Context | None] = ContextVar("outbox_context", default=None)


def current() -> Context | None:
    """The context of the events that are emitted now. In a handler of the inbox, what the scope does not say
    comes from the event that is being handled.
    """
    scope, event = _current.get(), current_event()
    if event is not None:
        cause = caused_by(event.id, event.headers)
        scope = cause if scope is None else scope.inside(cause)
    return _in_span(scope)


def _in_span(scope: Context | None) -> Context | None:
    """The context with the active span of OpenTelemetry as parent, unless the scope names another trace."""
    span = tracing.current()
    if span is None:
        return scope
    traceparent, tracestate = span
    if scope is not None and scope.traceparent and _trace_of(scope.traceparent) != _trace_of(traceparent):
        return scope
    known = tracestate if tracestate and is_valid("tracestate", tracestate) else None
    return Context(traceparent=traceparent, tracestate=known).inside(scope)


def caused_by(event_id: str, headers: Mapping[str, str]) -> Context:
    """A context with the trace and correlation of an event, and the event as the cause."""
    found = {
        "traceparent": headers.get("traceparent"),
        "tracestate": headers.get("tracestate"),
        "correlation_id": headers.get("correlationid"),
        "causation_id": event_id,
    }
    known: dict[str, Any] = {
        name: value for name, value in found.items() if value is not None and is_valid(name, value)
    }
    if "traceparent" not in known:
        known.pop("tracestate", None)
    return Context(**known)


def _trace_of(traceparent: str) -> str:
    return traceparent.split("-")[1]


def is_valid(name: str, value: str) -> bool:
    """Whether ``value`` is valid for the attribute ``name`` of a context."""
    return _ALLOWED[name].fullmatch(value) is not None


@contextmanager
def scope(given: Context) -> Iterator[Context]:
    """Events emitted inside carry the values of this context. Missing ones come from the outer one."""
    inner = given.inside(_current.get())
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)


class _Scope:
    """``outbox.context(…)`` and ``outbox.context.attributes(…)``, for ``with`` or as decorators."""

    def __call__(
        self,
        *,
        traceparent: str | None = None,
        tracestate: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        actor: str | Callable[[], str | None] | None = None,
        attributes: Mapping[str, object] | None = None,
    ) -> Block[Context]:
        """Events emitted inside carry these values. Missing ones come from the outer context.

        Raises ValueError for a value that could not travel in a header.
        """
        given = Context(
            traceparent=traceparent,
            tracestate=tracestate,
            correlation_id=correlation_id,
            causation_id=causation_id,
            actor=actor,
            attributes=attributes or {},
        )
        return Block(lambda: scope(given))

    def attributes(self, **attributes: object) -> Block[Context]:
        """Events emitted inside carry these extension attributes: ``tenant="t1"`` travels as ``ce_tenant``.
        The value may be a function, which is called when an event is emitted.

        Raises ValueError for a name or value that CloudEvents does not allow.
        """
        return self(attributes=attributes)


context = _Scope()
