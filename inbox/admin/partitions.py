"""The partitions of a consumer on the status page: how far behind each is, and which process reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import timezone

Readers = Mapping[tuple[str, str], str]
"""The process that reads a partition, by consumer and ``topic/0``."""
LIST_PARTITIONS = 50


def readers(processes: Iterable[Mapping[str, Any]]) -> Readers:
    """From the heartbeats of the processes that are alive."""
    return {
        (each["instance"].consumer, place): f"{each['instance'].host}:{each['instance'].pid}"
        for each in processes
        if each["alive"]
        for place in each["instance"].reads
    }


def placed(consumer: Mapping[str, Any], readers: Readers) -> dict[str, Any]:
    """The partitions that are furthest behind, and how many there are."""
    found = sorted(
        consumer["partitions"], key=lambda each: (-each["records"], each["topic"], each["partition"])
    )
    return {
        "partitions": [_partition(each, consumer["consumer"], readers) for each in found[:LIST_PARTITIONS]],
        "partitions_total": len(found),
        "partitions_behind": sum(each["records"] > 0 for each in found),
    }


def _partition(each: Mapping[str, Any], consumer: str, readers: Readers) -> dict[str, Any]:
    oldest = each["oldest_at"]
    return {
        **each,
        "reader": readers.get((consumer, f"{each['topic']}/{each['partition']}"), ""),
        "seconds": None if oldest is None else max((timezone.now() - oldest).total_seconds(), 0.0),
    }
