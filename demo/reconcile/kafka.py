"""Reading every record of Kafka with a plain consumer: no group, no inbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from demo.patience import Patience
from demo.reconcile.facts import Record

POLL_MS = 1_000


def read_records(
    bootstrap_servers: str,
    topics: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Record]:
    """Every partition of the topics from its beginning to the end that it has now.

    ``progress`` hears how many records of how many are read. Raises TookTooLong when nothing comes for 30 s.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap_servers.split(","),
        isolation_level="read_committed",
        max_poll_records=5_000,
    )
    try:
        partitions = [
            TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic) or ()
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends, starts = consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
        total = sum(ends[p] - starts[p] for p in partitions)
        records: list[Record] = []
        patience = Patience("Reading Kafka", seconds=30)
        while any(consumer.position(p) < ends[p] for p in partitions):
            records += (_record(each) for batch in consumer.poll(POLL_MS).values() for each in batch)
            patience.see(len(records))
            progress(len(records), total)
        return records
    finally:
        consumer.close()


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
