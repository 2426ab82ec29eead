"""The guards of those who write events, of the commands, and of the inbox."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module

import pytest
from django.db.models.functions import Now

from tests.torture.mutations.tools import Mutation, inbox_query, instead, query


def no_lock_of_the_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(import_module("outbox.write.emit"), "serialize_writers", lambda *_: None)


def all_claimed(deliveries: Sequence[object]) -> object:
    claimed = import_module("inbox.handling.unit_of_work").Claimed
    return claimed(tuple(enumerate(deliveries)), may_wait=True)


def no_doubt(patch: pytest.MonkeyPatch) -> None:
    culprit = import_module("inbox.holding.retries").Culprit
    patch.setattr("inbox.holding.retries.Culprit", lambda *who, **_: culprit(*who[:-1], True, True))


OUTBOX: dict[str, Mutation] = {
    "one transaction for a save in autocommit": instead(
        "outbox.capture.save_hook._one_transaction", lambda *_: nullcontext()
    ),
    "the refusal of a save that is lost": instead("outbox.write.transactions.is_doomed", lambda _: False),
    "the event inserted behind the row's lock": instead(
        "outbox.capture.save_hook.SaveHook.of", lambda _: None
    ),
    "the lock of serialize=True": no_lock_of_the_key,
    "the locks of a backfill's rows": instead(
        "outbox.operations.backfill.rows.Rows.lock",
        lambda rows, pks, **_: {row.pk: row for row in rows.matching().filter(pk__in=pks)},
    ),
    "shards claimed behind checkpoints": instead(
        "django.db.models.query.QuerySet.select_for_update", lambda rows, **_: rows
    ),
    "held events through a rebase": query(
        "outbox.operations.resharding",
        "renumber",
        ("OR EXISTS (SELECT FROM outbox_held WHERE outbox_held.event_id = event.id) AS", "AS"),
    ),
    "retention of what is not published": query(
        "outbox.operations.retention",
        "prune",
        ("AND (pg_visible_in_snapshot(xid, lo) OR (id <= pos AND pg_visible_in_snapshot(xid, hi)))", ""),
    ),
    "retention of what is held": query(
        "outbox.operations.retention",
        "prune",
        ("AND NOT EXISTS (SELECT FROM outbox_held WHERE event_id = piece.id AND discarded_at IS NULL)", ""),
    ),
    "retention that never waits for other sessions": query(
        "outbox.operations.retention", "prune", ("FOR UPDATE SKIP LOCKED", "FOR UPDATE")
    ),
    "the refusal to prune another history": instead(
        "outbox.operations.retention.refuse_another_history", lambda _: None
    ),
    "a chunk and its count in one transaction": instead(
        "outbox_core.operations.bulk.operations.pinned", lambda *_: nullcontext()
    ),
    "the state of an operation before each chunk": instead(
        "outbox_core.operations.bulk.model.OperationQuerySet.due",
        lambda rows: rows.exclude(state="done").filter(due_at__lte=Now()).order_by("due_at", "pk"),
    ),
}

INBOX: dict[str, Mutation] = {
    "the refusal of who has lost a partition": instead(
        "inbox.kafka.kafka_python.membership.Membership.commit_now",
        lambda member, offsets: member.commit(offsets) or True,
    ),
    "the wait for who moves a partition": instead(
        "inbox.offsets.DatabaseOffsets.load",
        lambda offsets, partitions: import_module("inbox.offsets")._stored(offsets._rows(partitions)),
    ),
    "one request for a partition at a time": instead("inbox.operations.seeking.Seek.check", lambda *_: None),
    "no blame while the cause is in doubt": no_doubt,
    "the note of what is handled": instead(
        "inbox.handling.unit_of_work.UnitOfWork._begin",
        lambda _, unit, deliveries, moves: all_claimed(deliveries),
    ),
    "later events held behind poison": instead(
        "inbox.handling.unit_of_work.UnitOfWork._blocked", lambda *_: set()
    ),
    "offsets of an earlier topic are not believed": instead(
        "inbox.kafka.topic_ids.TopicIds.is_of_another", lambda *_: False
    ),
    "the lower of the two offsets": instead(
        "inbox.kafka.offsets.StartOffsets._known",
        lambda _, topic, stored, committed: [committed.offset] if committed else [stored.offset],
    ),
    "no batch before what the database has lost": inbox_query(
        "inbox.models.unit", "begin", ('AND stored."offset" >= moved.last', "")
    ),
    "the look at the offsets while idle": instead("inbox.offsets.DatabaseOffsets.went_back", lambda _: False),
    "offsets that never move backward": inbox_query(
        "inbox.models.unit", "begin", ('greatest(stored."offset", moved.next)', "moved.next")
    ),
    "the refusal of effects that are lost": instead(
        "inbox.handling.unit_of_work.UnitOfWork._refuse_broken", lambda _: None
    ),
    "no statement behind the end of a transaction": instead(
        "inbox.handling.guard._refuse_idle", lambda _: None
    ),
    "evidence before an event is given up": instead(
        "inbox.holding.evidence.Evidence.is_in_outage", lambda *_: False
    ),
    "attempts counted before they are made": instead(
        "inbox.models.held_queries.HeldEventQuerySet.begin_alone", lambda *_, **__: None
    ),
}
