"""What a consumer reports. The loop sends; ``inbox.log_lines`` listens, and so may metrics.

Sender is the consumer's name throughout.
"""

from __future__ import annotations

from django.dispatch import Signal

started = Signal()
"""The consumer runs. Arguments: topics, group."""

stopped = Signal()
"""It has left its group. Arguments: handled."""

batch_failed = Signal()
"""A batch was rolled back, and the consumer looks for the event that causes it. Arguments: error, size."""

event_held = Signal()
"""An event is held until a person decides, or behind an event of its key. Arguments: delivery."""

event_retried = Signal()
"""An event is held and will be retried. ``outage``: its handler fails for every key.
Arguments: delivery, seconds, outage."""

event_left = Signal()
"""A held event has failed again. ``seconds``: until it is tried again, None if a person must decide.
Arguments: held, handler, error, attempts, seconds, outage."""

deaths_suspected = Signal()
"""A process has died with these in hand: they are held, and tried one by one. Arguments: deliveries."""

type_unhandled = Signal()
"""The first event of a type came that no handler takes. ``alike``: a handled type that may have been meant.
Arguments: event, alike."""

stalled = Signal()
"""Something is not available, and the consumer waits for it. Arguments: what, error."""

recovered = Signal()
"""It is available again. Arguments: what, seconds."""

topics_missing = Signal()
"""Topics do not exist, or may not be read. Arguments: topics."""

topics_found = Signal()
"""They do now, and may be. Arguments: topics, seconds."""

topic_recreated = Signal()
"""A topic was deleted and created again, and is read from its beginning. Arguments: topic."""

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

partition_undecodable = Signal()
"""The client cannot decode what is there, nor read past it. Arguments: topic, partition, offset, error."""

partition_decodable = Signal()
"""It can be read again. Arguments: topic, partition, seconds."""

held_retried = Signal()
"""Held events were tried again; those that failed are still held. Arguments: handled, failed."""
