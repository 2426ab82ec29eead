"""The record of a round trip: a valid CloudEvent, so that a consumer that meets it can say what it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from outbox_core.wire.encode import Record, Row, encoder, wire_time

TYPE = "outbox.doctor.test"
PAYLOAD = json.dumps({"note": "A test record of a doctor. Ignore it."}).encode()


def probe_record(
    topic: str, key: str, source: str, content_mode: str = "binary", payload: bytes = PAYLOAD
) -> Record:
    """A record with this key, which is also the id of its event."""
    row = Row(
        id=0,
        topic=topic,
        key=key,
        type=TYPE,
        subject=None,
        content_type="application/json",
        event_id=key,
        payload=payload,
        headers="{}",
        created_at=wire_time(datetime.now(UTC)),
    )
    return encoder(source, content_mode)(row)
