"""Events emitted during a request carry its trace, its correlation id and its user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from outbox.write.context import Context, context, is_valid
from outbox.write.uuid7 import uuid7


class OutboxMiddleware:
    """Reads ``traceparent``, ``tracestate`` and ``X-Correlation-ID`` (or ``X-Request-ID``) of each request.

    Malformed values are ignored, because any client can send them. A request without a correlation id gets a
    new one. The actor is the primary key of the user who is signed in when an event is emitted. No query is
    made for it earlier.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._respond(request)
        with _context_of(request):
            return self.get_response(request)

    async def _respond(self, request: HttpRequest) -> HttpResponseBase:
        with _context_of(request):
            response = self.get_response(request)
            assert not isinstance(response, HttpResponseBase)
            return await response


def _context_of(request: HttpRequest) -> AbstractContextManager[Context]:
    traceparent = _header(request, "traceparent", "traceparent")
    return context(
        traceparent=traceparent,
        tracestate=_header(request, "tracestate", "tracestate") if traceparent else None,
        correlation_id=_header(request, "correlation_id", "X-Correlation-ID", "X-Request-ID") or str(uuid7()),
        actor=lambda: _user_of(request),
    )


def _header(request: HttpRequest, attribute: str, *names: str) -> str | None:
    for name in names:
        value = request.headers.get(name)
        if value is not None and is_valid(attribute, value):
            return value
    return None


def _user_of(request: HttpRequest) -> str | None:
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else None
