"""The guards of those who write events, of the commands, and of the inbox."""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module

import pytest

from tests.torture.mutations.tools import Mutation, instead, query


def no_lock_of_the_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(import_module("outbox.emit"), "serialize_writers", lambda *_: None)


OUTBOX: dict[str, Mutation] = {
    "one transaction for a save in autocommit": instead(
        "outbox.saving._one_transaction", lambda *_: nullcontext()
    ),
    "the refusal of a save that is lost": instead("outbox.transactions.is_doomed", lambda _: False),
    "the event inserted behind the row's lock": instead("outbox.saving.Saving.of", lambda _: None),
    "the lock of serialize=True": no_lock_of_the_key,
    "shards claimed behind checkpoints": instead(
        "django.db.models.query.QuerySet.select_for_update", lambda rows, **_: rows
    ),
    "held events through a rebase": query(
        "outbox.positions",
        "renumber",
        ("OR EXISTS (SELECT FROM outbox_held WHERE outbox_held.event_id = event.id) AS", "AS"),
    ),
    "retention of what is not published": query(
        "outbox.retention",
        "prune",
        ("AND (pg_visible_in_snapshot(xid, lo) OR (id <= pos AND pg_visible_in_snapshot(xid, hi)))", ""),
    ),
    "retention of what is held": query(
        "outbox.retention",
        "prune",
        ("AND NOT EXISTS (SELECT FROM outbox_held WHERE event_id = piece.id AND discarded_at IS NULL)", ""),
    ),
    "retention that waits for nobody": query(
        "outbox.retention", "prune", ("FOR UPDATE SKIP LOCKED", "FOR UPDATE")
    ),
    "the refusal to prune another history": instead(
        "outbox.retention._refuse_another_history", lambda _: None
    ),
}

INBOX: dict[str, Mutation] = {
    "the note of what is handled": instead(
        "inbox.effects.Effects._claim", lambda _, deliveries: list(enumerate(deliveries))
    ),
    "later events parked behind poison": instead("inbox.effects.Effects._blocked", lambda *_: set()),
    "offsets of an earlier topic are not believed": instead(
        "inbox.origins.Origins.is_of_another", lambda *_: False
    ),
    "the refusal of effects that are lost": instead("inbox.effects.Effects._refuse_broken", lambda _: None),
    "evidence before an event is given up": instead("inbox.evidence.Evidence.is_out", lambda *_: False),
    "attempts counted before they are made": instead(
        "inbox.models.parked_queries.ParkedQuerySet.begin_alone", lambda *_, **__: None
    ),
}
