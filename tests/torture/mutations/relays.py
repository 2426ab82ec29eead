"""The guards of the relay."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torture.mutations.tools import Mutation, instead, sql

WINDOWS = ("log/scan_window", "log/stretch", "log/rows_of_stretch")


def no_token(patch: pytest.MonkeyPatch) -> None:
    """The incarnation is neither looked at by the poll nor joined by the checkpoint."""
    from dataclasses import replace

    from relay.log.reader import Log

    poll = Log._poll
    patch.setattr(Log, "_poll", lambda log, *how: replace(poll(log, *how), token=None))
    sql("log/checkpoint", ("JOIN {schema}outbox_incarnation", "LEFT JOIN {schema}outbox_incarnation"))(patch)


def no_token_while_idle(patch: pytest.MonkeyPatch) -> None:
    """Whatever incarnation the question saw, it is that of the shard."""
    from dataclasses import replace

    from relay.shard.owned import OwnedShard

    take = OwnedShard.take
    patch.setattr(
        OwnedShard, "take", lambda shard, news: take(shard, replace(news, token=shard._checkpoints.token))
    )


def no_token_of_what_is_shared(patch: pytest.MonkeyPatch) -> None:
    """What a shard has read for others is taken, whatever incarnation has seen it."""
    from dataclasses import replace

    from relay.log.reader import Log

    read = Log.read
    patch.setattr(Log, "read", lambda log, *asked: replace(read(log, *asked), token=None))


def position_in_memory(patch: pytest.MonkeyPatch) -> None:
    """A position counts as moved once its wave is acknowledged, and is kept when the shard is made again."""
    from relay.log.checkpoint import Checkpoints

    reload, move = Checkpoints.reload, Checkpoints.move
    memory: dict[object, Any] = {}

    def remember(checkpoints: Any, position: Any, *arguments: Any, **options: Any) -> None:
        memory[checkpoints._lease.owner] = position
        move(checkpoints, position, *arguments, **options)

    def recall(checkpoints: Any) -> None:
        reload(checkpoints)
        checkpoints.position = memory.get(checkpoints._lease.owner, checkpoints.position)

    patch.setattr(Checkpoints, "move", remember)
    patch.setattr(Checkpoints, "reload", recall)


def id_cursor(patch: pytest.MonkeyPatch) -> None:
    """What has an id above the largest one published is new."""
    from dataclasses import replace

    from outbox.log.position import Position
    from relay.log.reader import Log

    poll, last = Log._poll, {"id": 0}

    def above(log: Any, position: Any, most: int) -> Any:
        page = poll(log, Position(), most)
        rows = [row for row in page.rows if row[0] > last["id"]]
        last["id"] = max([last["id"], *(row[0] for row in rows)])
        return replace(page, rows=rows, end=page.end if rows else position)

    patch.setattr(Log, "_poll", above)


def no_scopes(patch: pytest.MonkeyPatch) -> None:
    from relay.holds.table import Holds, Scopes

    patch.setattr(Holds, "scopes", lambda *_: Scopes())


def wait_in_place(patch: pytest.MonkeyPatch) -> None:
    """A topic that cannot be written is an outage of its shard."""
    from relay.errors import PublisherUnavailable
    from relay.holds.table import Holds
    from relay.publishers.base import Trouble

    make = Holds.make

    def refuse(holds: Any, row: Any, failure: Any) -> None:
        if failure.trouble is not Trouble.RECORD:
            raise PublisherUnavailable(failure.detail)
        make(holds, row, failure)

    patch.setattr(Holds, "make", refuse)


def fire_and_forget(patch: pytest.MonkeyPatch) -> None:
    """A wave counts as acknowledged once it is sent."""
    from relay.shard.in_flight import InFlight

    patch.setattr(InFlight, "_settled", lambda *_: True)


def position_not_stored_first(patch: pytest.MonkeyPatch) -> None:
    from relay.log.checkpoint import Checkpoints

    move = Checkpoints.move

    def lazily(checkpoints: Any, position: Any, tally: Any, **options: Any) -> None:
        if tally.events or options or position != checkpoints.position:
            move(checkpoints, position, tally, **options)

    patch.setattr(Checkpoints, "move", lazily)


RELAY: dict[str, Mutation] = {
    "nothing acknowledged by a client that has ended": instead(
        "relay.publishers.confluent.delivery.Delivery._end", lambda *_: None
    ),
    "a client that has ended replaced": instead(
        "relay.publishers.confluent.publisher.is_fatal", lambda _: False
    ),
    "the incarnation token": no_token,
    "the position only from the database": position_in_memory,
    "KEY SHARE on the lease in a checkpoint": sql(
        "log/checkpoint", ("AND epoch = %(epoch)s\n    FOR KEY SHARE", "AND epoch = %(epoch)s")
    ),
    "the epoch in a checkpoint": sql("log/checkpoint", ("AND epoch = %(epoch)s\n    FOR", "\n    FOR")),
    "the owner and the epoch in a checkpoint": sql(
        "log/checkpoint", ("AND owner = %(owner)s::uuid AND epoch = %(epoch)s", "")
    ),
    "checkpoints in the order of their epochs": sql(
        "log/load",
        (
            "FROM {schema}outbox_position WHERE shard_id = %(shard)s",
            """FROM (SELECT lo, hi, pos, published, created_at AS stored_at, true AS proven
                     FROM {schema}outbox_checkpoint WHERE shard_id = %(shard)s ORDER BY id DESC
                     LIMIT 1) AS last""",
        ),
    ),
    "the snapshot cursor": id_cursor,
    "transactions that were open (xip)": sql(
        "log/poll",
        (
            "xid = ANY (%(xip)s::text[]::xid8[])",
            "xid = ANY ('{}'::xid8[] || CASE WHEN cardinality(%(xip)s::text[]) < 0 THEN '{}'::xid8[] END)",
        ),
    ),
    "the upper snapshot of a window": sql(
        WINDOWS,
        ("AND pg_visible_in_snapshot(xid, (SELECT %(hi)s::text::pg_snapshot))", "AND %(hi)s::text <> ''"),
    ),
    "the lower snapshot of a window": sql(
        WINDOWS,
        ("NOT pg_visible_in_snapshot(xid, (SELECT %(lo)s::text::pg_snapshot))", "%(lo)s::text <> ''"),
    ),
    "the upper snapshot of what is named for all": sql(
        "log/rows_of_stretch",
        ("AND pg_visible_in_snapshot(xid, (SELECT %(hi)s::text::pg_snapshot))", "AND %(hi)s::text <> ''"),
    ),
    "the lower snapshot of what is named for all": sql(
        "log/rows_of_stretch",
        ("NOT pg_visible_in_snapshot(xid, (SELECT %(lo)s::text::pg_snapshot))", "%(lo)s::text <> ''"),
    ),
    "the incarnation token of what is read for all": no_token_of_what_is_shared,
    "a poll of its own for each turn": instead("relay.log.stretches.Stretches.turn", lambda _: None),
    "the position behind acknowledged events only": fire_and_forget,
    "the margin of the lease": instead("relay.cluster.lease.Lease.remaining", 1e9),
    "expired leases stay expired": sql("cluster/renew", ("AND lease_until > clock_timestamp()", "")),
    "holds read again before each wave": no_scopes,
    "isolation before a record is judged": instead(
        "relay.shard.in_flight.InFlight.isolate", lambda *_: False
    ),
    "a topic held at once": wait_in_place,
    "the refusal of another history": sql("log/load", ("proven,", "true,")),
    "the order in which events were held": sql(
        "holds/held", ("ORDER BY page.place", "ORDER BY page.id DESC")
    ),
    "planner settings": instead("relay.log.session.PLANNER", {}),
    "a position no older than what it covers": sql(
        "log/checkpoint", ("greatest(clock_timestamp(), %(newest)s", "coalesce(clock_timestamp(), %(newest)s")
    ),
    "the position stored before the first wave": position_not_stored_first,
    "a pause that comes before the hold is deleted": sql(
        "holds/delete_hold", ("AND release_at <= clock_timestamp()", "")
    ),
    "a pause that comes before trouble is noted": sql(
        "holds/reschedule_hold", ("AND release_at <= clock_timestamp()", "")
    ),
    "the bound of what a poll reads": sql(
        ("log/poll", "log/poll_ids"), ("OFFSET %(most)s", "OFFSET %(most)s * 1000000")
    ),
    "an idle shard that hears of its own events": instead(
        "relay.log.news.News.concerns", lambda news, first, last: False
    ),
    "transactions that were open when a shard came to rest": sql(
        "log/news", ("xid = ANY (%(xip)s::text[]::xid8[])", "xid = ANY (%(xip)s::text[]::xid8[]) AND false")
    ),
    "the incarnation token while a shard is idle": no_token_while_idle,
    "the grace before a topic is an error": instead("relay.conf.RelaySettings.topic_grace_seconds", 0.0),
    "a hold that ended, distinguished from a lost lease": sql(
        "log/checkpoint", ("EXISTS (SELECT FROM ours)", "EXISTS (SELECT FROM ours WHERE id < 0)")
    ),
    "what is left of a hold before new events pass it": instead(
        "relay.holds.table.Holds.is_empty", lambda holds, release: True
    ),
    "a pause that comes after new events passed": sql(
        "holds/holds", ("coalesce(release_at <= clock_timestamp(), false)", "true")
    ),
    "trouble noted under the lease": sql(
        "holds/reschedule_hold", ("AND owner = %(owner)s::uuid AND epoch = %(epoch)s", "")
    ),
    "stepping down only if another relay is healthy": sql(
        "cluster/cluster_state", ("NOT IN ('stopping', 'degraded')", "<> 'stopping'")
    ),
    "no stepping down while Kafka answers": instead("relay.step_down.StepDown.is_due", True),
    "tidying under the lease": sql("log/rollup", ("AND owner = %(owner)s::uuid AND epoch = %(epoch)s", "")),
}
