"""An event as the relay hands it to Kafka."""

from __future__ import annotations

from datetime import UTC

import msgspec
from django.conf import settings as django_settings

from outbox.conf import settings
from outbox.models import OutboxEvent
from outbox_core.wire.encode import Record, Row, encoder


def record(event: OutboxEvent) -> Record:
    """The Kafka record of an event, in the content mode that RELAY asks for."""
    content_mode = getattr(django_settings, "RELAY", {}).get("CONTENT_MODE", "binary")
    payload = None if event.payload is None else bytes(event.payload)
    row = Row(
        event.pk,
        event.topic,
        event.key,
        event.type,
        event.subject,
        event.content_type,
        str(event.event_id),
        payload,
        msgspec.json.encode(event.headers).decode(),
        event.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        event.source,
    )
    return encoder(settings().source, content_mode)(row)
