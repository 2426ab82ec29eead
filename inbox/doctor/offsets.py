"""Judges the stored offsets of a consumer by what Kafka has. Pure, except for the questions it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from inbox.models import Offset
from outbox_core.operations.doctor.cluster import Cluster, Topic
from outbox_core.operations.doctor.step import Note, warning
from outbox_core.people.humanize import plural

Bounds = Callable[[str], Mapping[int, tuple[int, int]]]


def judge(
    rows: Iterable[Offset], cluster: Cluster, topics: Mapping[str, Topic], bounds: Bounds
) -> Iterator[Note]:
    """The findings about the offsets from which a consumer would continue."""
    stored = [row for row in rows if row.topic in topics and topics[row.topic].trouble is None]
    if not stored:
        yield "none stored yet: it begins where its group has committed, or where auto_offset_reset says"
        return
    limits = {topic: bounds(topic) for topic in sorted({row.topic for row in stored})}
    found = [
        finding for row in stored for finding in _judge(row, cluster, topics[row.topic], limits[row.topic])
    ]
    if not found:
        yield f"the consumer continues {plural(len(stored), 'partition')} where the database says"
    yield from found


def _judge(
    row: Offset, cluster: Cluster, topic: Topic, limits: Mapping[int, tuple[int, int]]
) -> Iterator[Note]:
    where = f"{row.topic}/{row.partition}"
    first, end = limits.get(row.partition, (0, 0))
    if row.cluster_id and cluster.id and row.cluster_id != cluster.id:
        yield warning(
            f"The offset of {where} was stored for cluster {row.cluster_id}, and this is {cluster.id}.",
            "The consumer does not use it. Check that bootstrap_servers names the right cluster.",
        )
    elif row.topic_id and topic.id and str(row.topic_id) != topic.id:
        yield warning(
            f"{row.topic} was deleted and created again since offset {row.offset} of {where} was stored.",
            "The consumer begins at its first record. Use inbox_seek for another offset.",
        )
    elif row.offset < first:
        yield warning(
            f"Kafka has deleted {plural(first - row.offset, 'record')} of {where} that were not read.",
            "Set a longer retention.ms, and have the producer send these events again.",
        )
    elif row.offset > end:
        yield warning(
            f"The next offset of {where} is {row.offset}, but the partition ends at {end}.",
            "Kafka may have lost records. The consumer begins again where auto_offset_reset says.",
        )
