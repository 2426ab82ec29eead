"""The page that looks for an event in Kafka. No other page of the admin waits for Kafka."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView

from outbox.models import OutboxEvent
from outbox.search import in_kafka
from outbox.search.in_kafka import SECONDS, Lookup

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from outbox_core.people.admin import ReadOnlyAdmin

_one = Lock()
"""A process looks up one event at a time, so that look-ups never take all its threads."""
BUSY = Lookup(trouble="Another look-up is under way in this process. Try again in a few seconds.")
NO_RELAY = Lookup(trouble="The app relay is not installed here, and only it reads Kafka.")


class KafkaView(TemplateView):
    """Reads the topic of an event for a few seconds."""

    http_method_names = ["get"]
    template_name = "admin/outbox/outboxevent/kafka.html"
    model_admin: ReadOnlyAdmin = None  # type: ignore[assignment]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.model_admin.has_view_permission(request):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        event = get_object_or_404(OutboxEvent.objects.defer("payload", "headers"), pk=self.kwargs["pk"])
        return {
            **self.model_admin.admin_site.each_context(self.request),
            "title": "Where the event is in Kafka",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "event": event,
            "lookup": look_up(event),
            "seconds": SECONDS,
            **super().get_context_data(**kwargs),
        }


def look_up(event: OutboxEvent) -> Lookup:
    """What the relay's app finds."""
    find = in_kafka.finder()
    if find is None:
        return NO_RELAY
    if not _one.acquire(blocking=False):
        return BUSY
    try:
        return find(event.topic, str(event.event_id), event.created_at, SECONDS)
    finally:
        _one.release()
