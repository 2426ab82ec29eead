"""What the consumer has to tell. The core sends; ``inbox.logs`` listens, and so may metrics.

Sender is the consumer's name throughout.
"""

from __future__ import annotations

from django.dispatch import Signal

started = Signal()
"""The consumer runs. Arguments: topics, group."""

stopped = Signal()
"""It has left its group. Arguments: handled."""

batch_failed = Signal()
"""A batch was rolled back and its events are now handled singly. Arguments: error, size."""

event_parked = Signal()
"""An event was set aside. Arguments: delivery."""

stalled = Signal()
"""Something is not there and is being waited for. Arguments: what, error."""

recovered = Signal()
"""It is there again. Arguments: what, seconds."""

topics_missing = Signal()
"""Topics do not exist, or may not be read. Arguments: topics."""

topics_found = Signal()
"""They do now, and may be. Arguments: topics, seconds."""

topic_made_anew = Signal()
"""A topic was deleted and made anew, and is read from its beginning. Arguments: topic."""

records_missed = Signal()
"""Kafka had deleted records before they were read. Arguments: topic, partition, first, last (offsets)."""

offsets_went_back = Signal()
"""The database has lower offsets than this process stored in it, which are read again. No arguments."""

group_offset_ignored = Signal()
"""Kafka's copy is ahead of the database, which counts. Arguments: topic, partition, offset, group_offset."""

cluster_changed = Signal()
"""The database has offsets of another Kafka cluster, which do not count. Arguments: topic, before, now."""

offsets_sought = Signal()
"""Somebody moved a consumer. Arguments: topic, partition, before, offset, reason, by."""

partition_unreadable = Signal()
"""The client cannot decode what is there, nor read past it. Arguments: topic, partition, offset, error."""

partition_readable = Signal()
"""It can be read again. Arguments: topic, partition, seconds."""

requeued = Signal()
"""Parked events were taken up again; those that failed stay parked. Arguments: handled, failed."""
