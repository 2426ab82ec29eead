"""Signals of a consumer, for logging, metrics and tracing. ``sender`` is the name of the consumer."""

from __future__ import annotations

from django.dispatch import Signal

started = Signal()
"""The consumer runs. Arguments: topics, group, and kafka: where it connects, and as whom."""

stopped = Signal()
"""The consumer has stopped and left its group. Arguments: handled."""

dead_removed = Signal()
"""Processes of this host died without leaving the group, which now has forgotten them.
Arguments: processes, each as host:pid."""

batch_handled = Signal()
"""A batch is finished: its events are handled or held. Arguments: size, seconds."""

handler_ended = Signal()
"""The handlers of an event have returned, or one of them failed with ``error`` (otherwise None). The
transaction may still be rolled back. Of a call of a batch handler, each event has an equal share of the time.
If it fails, this is sent for the first one only. Arguments: event, seconds, error."""

batch_failed = Signal()
"""A batch was rolled back, and the consumer looks for the event that causes it. Arguments: error, size."""

on_commit_failed = Signal()
"""A function that a handler gave to transaction.on_commit() has failed, after the commit. It is not called
again. Arguments: function (its name), error."""

event_held = Signal()
"""An event is held until a person decides, or behind an event of its key. Arguments: delivery."""

event_retried = Signal()
"""An event is held and will be retried. ``outage``: its handler fails for every key.
Arguments: delivery, seconds, outage."""

hold_kept = Signal()
"""A held event has failed again. ``seconds``: until it is tried again, None if a person must decide.
Arguments: held, handler, error, attempts, seconds, outage."""

deaths_suspected = Signal()
"""A process died while it handled these. They are held, and tried one by one. Arguments: deliveries."""

type_unhandled = Signal()
"""The first event of a type without a handler. ``alike``: a handled type with a similar name.
Arguments: event, alike."""

replay_skipped = Signal()
"""The first event of a replay, which no handler takes. Arguments: event."""

stalled = Signal()
"""Something is not available, and the consumer waits for it. Arguments: what, error."""

reason_changed = Signal()
"""It is still not available, for another reason than before. Arguments: what, error, seconds."""

recovered = Signal()
"""It is available again. Arguments: what, seconds."""

blocked = Signal()
"""A statement waits for a lock that another session has, or for a synchronous standby. Sent by another thread
than the loop, once for each session. Arguments: reason."""

unblocked = Signal()
"""It has ended, and no other one waits. Arguments: seconds."""

paused = Signal()
"""A person has paused these topics: the consumer does not read them. Arguments: topics."""

resumed = Signal()
"""The consumer reads these topics again. Arguments: topics."""

nothing_comes = Signal()
"""Kafka has records of a partition, but the client brings none. Another client reads on, which asks for the
``part`` of what the options say. Arguments: topic, partition, offset, seconds, part."""

topics_missing = Signal()
"""Topics do not exist, or may not be read. Arguments: topics."""

topics_found = Signal()
"""These topics can be read again. Arguments: topics, seconds."""

topic_recreated = Signal()
"""A topic was deleted and created again, and is read from its beginning. Arguments: topic."""

records_missed = Signal()
"""Kafka deleted records before they were read. Arguments: topic, partition, first, last (offsets)."""

offsets_went_back = Signal()
"""The database has lower offsets than this process stored; reading continues from them. No arguments."""

group_offset_ignored = Signal()
"""The group's offset is higher than the one in the database, and the lower one counts.
Arguments: topic, partition, offset, group_offset."""

cluster_changed = Signal()
"""Offsets in the database belong to another Kafka cluster, so they are ignored.
Arguments: topic, before, now."""

offsets_sought = Signal()
"""A person moved a consumer (``inbox_seek``). Arguments: topic, partition, before, offset, reason, by."""

partition_undecodable = Signal()
"""The client cannot decode a batch, so the partition waits. ``extra``: what to install for its codec, or
empty. Arguments: topic, partition, offset, error, extra.
"""

partition_decodable = Signal()
"""The partition can be read again. Arguments: topic, partition, seconds."""

held_retried = Signal()
"""Held events were tried again; those that failed are still held. Arguments: handled, failed."""
