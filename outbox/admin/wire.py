"""An event as the relay hands it to Kafka."""

from __future__ import annotations

from django.conf import settings as django_settings

from outbox.conf import settings
from outbox.log import rows
from outbox.models import OutboxEvent
from outbox_core.wire.encode import Record, encoder


def record(event: OutboxEvent) -> Record:
    """The Kafka record of an event, in the content mode that RELAY asks for."""
    content_mode = getattr(django_settings, "RELAY", {}).get("CONTENT_MODE", "binary")
    (row,) = rows.read(event._state.db or "default", "page.id = %(id)s", {"id": event.pk})
    return encoder(settings().source, content_mode)(row)
