"""Reads every record of Kafka with a plain consumer, without a group and without the inbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from demo.patience import Patience
from demo.reconcile.facts import Record

POLL_MS = 300


def read_records(
    bootstrap_servers: str,
    topics: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Record]:
    """Every partition of the topics from its beginning to the end that it has now.

    ``progress`` gets the number of records read and the total. Raises TookTooLong if none comes for 30 s.
    """
    options = {"isolation_level": "read_committed", "max_poll_records": 5_000}
    with closing(KafkaConsumer(bootstrap_servers=bootstrap_servers.split(","), **options)) as consumer:
        partitions = [
            TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic)
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        return _read_to_end(consumer, partitions, progress)


def _read_to_end(
    consumer: KafkaConsumer, partitions: list[TopicPartition], progress: Callable[[int, int], None]
) -> list[Record]:
    """Up to the ends that the broker reports, and further while there is more: the stand-in reports them too
    low.
    """
    ends, starts = consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
    total = sum(ends[p] - starts[p] for p in partitions)
    records: list[Record] = []
    patience = Patience("Reading Kafka", seconds=30)
    polled: dict[TopicPartition, list[ConsumerRecord]] = {}
    while polled or any(consumer.position(p) < ends[p] for p in partitions):
        polled = consumer.poll(POLL_MS)
        records += (_record(each) for batch in polled.values() for each in batch)
        patience.see(len(records))
        progress(len(records), max(total, len(records)))
    return records


def _record(record: ConsumerRecord) -> Record:
    headers = tuple(record.headers)
    named = dict(headers)
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode(errors="replace"),
        payload=record.value,
        event_id=named.get("ce_id", b"").decode(errors="replace"),
        type=named.get("ce_type", b"").decode(errors="replace"),
        headers=headers,
    )
