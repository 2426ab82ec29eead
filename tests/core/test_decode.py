"""Kafka record -> event, in binary and structured mode."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from outbox_core.errors import InvalidEvent
from outbox_core.wire.attributes import STRUCTURED
from outbox_core.wire.careful import TOMBSTONE, careful
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.decode import parse, quick
from outbox_core.wire.encode import Row, StructuredEncoder
from outbox_core.wire.event import Event

HEADERS = {
    "content-type": b"application/json",
    "ce_specversion": b"1.0",
    "ce_id": b"0199-1",
    "ce_source": b"/shop",
    "ce_type": b"shop.order.placed",
    "ce_time": b"2026-01-02T03:04:05.678901Z",
    "ce_subject": "Müller".encode(),
    "ce_partitionkey": b"42",
    "ce_sequence": b"00000000000000000007",
    "ce_traceparent": b"00-abc-def-01",
}
DOCUMENT = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "t", "data": {"a": [1, "2"]}}


def binary(value: bytes | None = b"{}", **changed: bytes | None) -> ConsumerRecord:
    headers = {**HEADERS, **{name.replace("content_type", "content-type"): v for name, v in changed.items()}}
    present = tuple((name, v) for name, v in headers.items() if v is not None)
    return ConsumerRecord(
        topic="t", partition=1, offset=9, key=b"42", value=value, headers=present, timestamp=86_400_000
    )


def structured(
    document: Any, content_type: bytes = b"application/cloudevents+json; charset=UTF-8"
) -> ConsumerRecord:
    value = document if isinstance(document, bytes) else msgspec.json.encode(document)
    headers = (("content-type", content_type),)
    return ConsumerRecord(topic="t", partition=0, offset=0, key=None, value=value, headers=headers)


NAMES = [*HEADERS, "CE_ID", "Ce_Type", "Content-Type", "ce_dataschema", "ce_replay", "Ce_Replay", "other"]
VALUES = [
    *(
        b"",
        b"1",
        b"1.0",
        b"\xff",
        b"/\x07",
        b"\xc3\xbc",
        b"x" * 251,
        b"2026-01-02T03:04:05",
        b"20260102T030405Z",
    ),
    *(b"application/cloudevents+json", b"text/plain", None),
]


@given(
    changed=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=3),
    first=st.booleans(),
    key=st.sampled_from([None, b"42", b"\xff"]),
)
def test_what_is_read_in_one_pass_is_the_same_as_what_is_read_with_care(
    changed: list[tuple[str, bytes | None]], first: bool, key: bytes | None
) -> None:
    """Other programs write headers too: capitals, equal names, and bytes that are no text."""
    usual = tuple(HEADERS.items())
    headers = (*changed, *usual) if first else (*usual, *changed)
    record = replace(binary(), headers=headers, key=key)
    event = quick(record)
    if event is not None:
        assert event == careful(record)


def test_what_a_relay_writes_is_read_in_one_pass() -> None:
    assert quick(binary()) == careful(binary())


@pytest.mark.parametrize(
    ("timestamp", "year"), [(-1, 1970), (1_764_374_400_000_000, 9999), (2**63 - 1, 9999)]
)
def test_a_record_without_a_time_has_that_of_kafka_whatever_it_is(timestamp: int, year: int) -> None:
    assert parse(replace(binary(ce_time=None), timestamp=timestamp)).time.year == year


def test_binary_mode() -> None:
    assert parse(binary(b'{"a":1}')) == Event(
        id="0199-1",
        source="/shop",
        type="shop.order.placed",
        time=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        subject="Müller",
        sequence="00000000000000000007",
        key="42",
        topic="t",
        partition=1,
        offset=9,
        content_type="application/json",
        headers={"traceparent": "00-abc-def-01"},
        data=b'{"a":1}',
    )


def test_null_value_is_a_tombstone() -> None:
    assert parse(binary(None)).data is None


def test_null_value_without_attributes_is_a_tombstone_of_another_program() -> None:
    event = parse(replace(binary(None), headers=(("content-type", b"text/plain"), ("origin", b"x"))))
    assert (event.type, event.source, event.id, event.key) == (TOMBSTONE, "kafka:t", "1/9/86400000", "42")
    assert event.data is None
    for header in (("ce_type", b"x"), ("content-type", STRUCTURED.encode())):
        with pytest.raises(InvalidEvent):
            parse(replace(binary(None), headers=(header,)))


def test_event_without_a_time_has_that_of_the_record() -> None:
    assert parse(binary(ce_time=None)).time == datetime(1970, 1, 2, tzinfo=UTC)


def test_replay_is_marked() -> None:
    assert parse(binary(ce_replay=b"true")).replay
    assert not parse(binary()).replay


def test_structured_mode() -> None:
    document = {
        **DOCUMENT,
        "subject": "s",
        "sequence": "7",
        "partitionkey": "k",
        "priority": 3,
        "nothing": None,
    }
    event = parse(structured(document))
    assert (event.id, event.source, event.type, event.subject, event.sequence) == (
        "1",
        "/shop",
        "t",
        "s",
        "7",
    )
    assert (event.key, event.headers) == ("k", {"priority": "3"})
    assert (event.content_type, event.data) == ("application/json", b'{"a":[1,"2"]}')


@pytest.mark.parametrize(
    ("change", "data"),
    [
        ({"data": None}, None),
        (
            {"data_base64": base64.b64encode(b"\x00\xff").decode(), "datacontenttype": "image/png"},
            b"\x00\xff",
        ),
        ({"data": "<a/>", "datacontenttype": "text/xml"}, b"<a/>"),
        ({"data": "text"}, b'"text"'),
    ],
)
def test_data_of_structured_mode(change: dict[str, Any], data: bytes | None) -> None:
    assert parse(structured({**DOCUMENT, **change})).data == data


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (binary(ce_id=None), "ce_id is missing"),
        (binary(ce_source=b""), "ce_source is missing"),
        (binary(ce_type=None), "ce_type is missing"),
        (binary(ce_specversion=None), "specversion is missing"),
        (binary(ce_specversion=b"0.3"), "specversion is 0.3"),
        (binary(ce_id=b"a\x00b"), "ce_id contains a control character"),
        (binary(ce_id=b"x" * 1001), "ce_id is longer than 1000 bytes"),
        (binary(ce_id=b"\xff"), "ce_id is missing, or not UTF-8"),
        (binary(ce_time=b"yesterday"), "ce_time is not an RFC 3339 time"),
        (binary(ce_time=b"2026-01-02T03:04:05"), "ce_time is not an RFC 3339 time with a time zone"),
        (structured(b"[]"), "not a JSON object"),
        (structured(b""), "not a JSON object"),
        (structured({**DOCUMENT, "data_base64": "!"}), "data_base64 is not base64"),
        (structured(DOCUMENT, b"application/cloudevents-batch+json"), "is not supported"),
        (
            ConsumerRecord(topic="t", partition=0, offset=0, key=None, value=b"hello"),
            "specversion is missing",
        ),
    ],
)
def test_what_is_no_event_is_refused_by_name(record: ConsumerRecord, complaint: str) -> None:
    with pytest.raises(InvalidEvent, match=complaint):
        parse(record)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (b"2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        (b"2026-01-02T03:04:05.123456789012Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        (b"2026-01-02T03:04:05.5+0000", datetime(2026, 1, 2, 3, 4, 5, 500000, tzinfo=UTC)),
        (b"2026-01-02 03:04:05-00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (b"", datetime(1970, 1, 2, tzinfo=UTC)),
    ],
)
def test_times_are_read_leniently(text: bytes, time: datetime) -> None:
    assert parse(binary(ce_time=text)).time == time


@pytest.mark.parametrize("second", [b"61", b"99"])
def test_seconds_that_cannot_be_are_refused(second: bytes) -> None:
    with pytest.raises(InvalidEvent, match="ce_time"):
        parse(binary(ce_time=b"2026-01-02T03:04:" + second + b"Z"))


def test_foreign_headers_make_no_event_unreadable() -> None:
    """Neither one that is not UTF-8, nor an empty one, nor one that comes twice."""
    foreign = (("ce_foreign", b"\xff"), ("ce_empty", b""), ("ce_subject", b"\xfe"), ("ce_id", b"\xff"))
    again = (("ce_id", None), ("ce_type", b""), ("ce_traceparent", b"00-later-01"))
    event = parse(replace(binary(), headers=(*binary().headers, *foreign, *again)))
    assert (event.id, event.type, event.subject) == ("0199-1", "shop.order.placed", "Müller")
    assert event.headers == {"traceparent": "00-later-01"}


ANY_NAME = st.sampled_from([*HEADERS, "ce_", "CE_ID"])
CONTENT_TYPES = st.sampled_from([b"application/cloudevents+json", b"application/json", b"text/plain"])


@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary() | st.just(msgspec.json.encode(DOCUMENT)),
    headers=st.lists(st.tuples(ANY_NAME, st.none() | st.binary() | CONTENT_TYPES)),
    base=st.booleans(),
)
def test_any_record_is_an_event_or_is_refused(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], base: bool
) -> None:
    """No bytes that a foreign producer may write raise anything but InvalidEvent."""
    start = list(HEADERS.items()) if base else []
    record = ConsumerRecord(
        topic="t", partition=0, offset=0, key=key, value=value, headers=(*start, *headers)
    )
    try:
        event = parse(record)
    except InvalidEvent:
        return
    assert event.id
    assert "\x00" not in (event.key or "")


@pytest.mark.parametrize(
    ("content_type", "payload"),
    [
        ("application/json", b'{"a":1}'),
        ("application/vnd.shop+json; charset=utf-8", b'{"a":1}'),
        ("application/geo.notjson", b"\x00\xff"),
        ("text/plain", b"hello"),
    ],
)
def test_structured_mode_brings_back_the_data_of_every_type(content_type: str, payload: bytes) -> None:
    """Writer and reader agree on which types are JSON."""
    row = Row(1, "t", "42", "shop.x", None, content_type, "1", payload, "{}", "2026-01-02T03:04:05Z")
    sent = StructuredEncoder("/shop")(row)
    event = parse(
        ConsumerRecord(
            topic="t", partition=0, offset=0, key=sent.key, value=sent.value, headers=(*sent.headers,)
        )
    )
    assert (event.data, event.content_type) == (payload, content_type)
