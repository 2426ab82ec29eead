"""Rows as records: what every record has, what only some have, and the envelope of the structured mode."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.decode import parse
from outbox_core.wire.encode import EXTENSIONS, Record, Row, encoder

ODD = 'a"b\\c\u2028é\t'
PLAIN = Row(
    id=7,
    topic="t",
    key="k",
    type="shop.order.placed",
    subject=None,
    content_type="application/json",
    event_id="0191d2c0-0000-7000-8000-000000000001",
    payload=b'{"a": 1}',
    headers="{}",
    created_at="2026-11-29T10:00:00.000000Z",
)
FULL = PLAIN._replace(
    key=ODD, subject=ODD, source='/a"b\\é', type="t.é", headers=json.dumps({"actor": ODD, "tenant": "1"})
)


def test_a_record_has_what_cloudevents_requires_and_what_its_event_has() -> None:
    assert dict(encoder("/shop")(PLAIN).headers) == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": PLAIN.event_id.encode(),
        "ce_source": b"/shop",
        "ce_type": b"shop.order.placed",
        "ce_time": PLAIN.created_at.encode(),
        "ce_sequence": b"00000000000000000007",
    }


@pytest.mark.parametrize("mode", ["binary", "structured"])
@pytest.mark.parametrize("extensions", [(), EXTENSIONS, ("partitionkey",), ("partitionkey", "sequence")])
@pytest.mark.parametrize(
    "row",
    [
        PLAIN,
        FULL,
        FULL._replace(payload=None),
        FULL._replace(content_type="text/plain", payload=b"\xff\x00"),
        FULL._replace(headers='{"actor": "me", "tenant": "1"} '),
    ],
)
def test_it_reads_as_what_was_written(row: Row, extensions: tuple[str, ...], mode: str) -> None:
    event = parse(_consumed(encoder("/shop", mode, extensions)(row)))
    assert (event.id, event.type, event.subject, event.data) == (
        row.event_id,
        row.type,
        row.subject,
        row.payload,
    )
    assert (event.source, event.content_type) == (row.source or "/shop", row.content_type)
    assert event.sequence == ("00000000000000000007" if "sequence" in extensions else None)
    assert event.headers == json.loads(row.headers)


def test_the_envelope_holds_the_key_only_if_it_is_asked_for() -> None:
    without, with_it = (_envelope(extensions) for extensions in (EXTENSIONS, ("partitionkey",)))
    assert "partitionkey" not in without
    assert with_it["partitionkey"] == ODD


def _envelope(extensions: tuple[str, ...]) -> Any:
    value = encoder("/shop", "structured", extensions)(FULL).value
    assert value is not None
    return json.loads(value)


def _consumed(record: Record) -> ConsumerRecord:
    return ConsumerRecord(
        topic=record.topic,
        partition=0,
        offset=0,
        timestamp=0,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
