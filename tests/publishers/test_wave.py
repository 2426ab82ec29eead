"""The records of a wave: chosen alike, whether a page knows its size or each record is measured."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outbox_core.wire.encode import EXTENSIONS, Record, Records, Row, encoder
from relay.publishers.base import Trouble, size
from relay.publishers.topics import Topic
from relay.publishers.wave import fit

rows = st.builds(
    Row,
    st.integers(1, 2**63 - 1),
    st.sampled_from(["t", "u"]),
    st.text(max_size=10),
    st.sampled_from(["a.b", "заказ"]),
    st.none() | st.text(max_size=10),
    st.sampled_from(["application/json", "text/plain"]),
    st.uuids().map(str),
    st.none() | st.integers(0, 1_000).map(lambda number: b'"%b"' % (b"x" * number)),
    st.sampled_from(["{}", '{"traceparent": "00-1", "actor": "Zo\\u00eb"}']),
    st.just("2026-01-31T10:00:00.123456Z"),
    st.sampled_from(["", "/other"]),
)
few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
TOPICS = {"t": Topic("t", 5_000), "u": Topic("u", 1_000_000)}


@few
@given(
    st.lists(rows, max_size=8),
    st.sampled_from(["binary", "structured"]),
    st.sampled_from([EXTENSIONS, (), ("sequence", "partitionkey")]),
)
def test_a_page_takes_no_more_bytes_than_it_knows(
    page: list[Row], mode: str, extensions: tuple[str, ...]
) -> None:
    records = encoder("/s", mode, extensions).page([(*row, "facts", 1) for row in page])
    assert list(records) == [encoder("/s", mode, extensions)(row) for row in page]
    assert records.topics == {record.topic for record in records}
    assert records.bytes >= sum(map(size, records))


@few
@given(st.lists(rows, max_size=8), st.integers(500, 8_000), st.none() | st.integers(100, 8_000))
def test_a_page_that_knows_its_size_makes_the_wave_that_its_records_make(
    page: list[Row], batch_bytes: int, wave_bytes: int | None
) -> None:
    known = encoder("/s").page(page)
    exact = Records(known, sum(map(size, known)))
    waves = [
        fit(records, TOPICS, place, batch_bytes=batch_bytes, judge=True, wave_bytes=wave_bytes)
        for place in (None, lambda _: 0)
        for records in (known, exact, list(known))
    ]
    assert all(wave.records == waves[0].records and wave.refused == waves[0].refused for wave in waves)


@pytest.mark.parametrize("trouble", [Trouble.TOPIC_MISSING, Trouble.TOPIC_FORBIDDEN])
def test_a_page_of_a_topic_in_trouble_is_not_sent_whole(trouble: Trouble) -> None:
    row = Row(1, "t", "k", "a.b", None, "text/plain", "id", b"x", "{}", "2026-01-31T10:00:00.123456Z")
    page = encoder("/s").page([row, row._replace(topic="u")])
    wave = fit(page, {**TOPICS, "t": Topic("t", trouble=trouble)}, None, batch_bytes=1_000_000, judge=True)
    assert [record.topic for record in wave.records] == ["u"]
    assert wave.refused[0].trouble is trouble


def test_a_record_above_the_limit_of_its_topic_is_not_sent_with_its_page() -> None:
    records = [Record("t", b"k", b"x" * 10, []), Record("t", b"k", b"x" * 6_000, [])]
    wave = fit(Records(records, sum(map(size, records))), TOPICS, None, batch_bytes=1_000_000, judge=True)
    assert wave.records == records[:1]
