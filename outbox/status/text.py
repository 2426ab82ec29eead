"""A status as text for a terminal: aligned columns, and a style for what is not well. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from outbox.status.report import HoldReport, RelayReport, ShardReport, State, Status
from outbox.words import amount, duration, milliseconds, plural

Paint = Callable[[str, State], str]
"""Colours a text by how bad a state is."""


def render(status: Status, paint: Paint) -> Iterator[str]:
    """The lines of the report."""
    yield f"outbox of database {status.database}: {paint(status.state, status.state)}"
    for problem in status.problems:
        yield ""
        yield paint(f"! {problem.text}", problem.state)
        yield f"  {problem.remedy}"
    if status.at is None:
        return
    yield ""
    yield from _facts(status, paint)
    yield from _table(
        ["RELAY", "STATE", "HEARD", "UP", "SHARDS"], [_relay(each, status) for each in status.relays]
    )
    yield from _table(
        ["SHARD", "BUCKETS", "OWNER", "PENDING", "OLDEST", "PUBLISHED"], map(_shard, status.shards)
    )
    yield from _table(["HOLD", "REASON", "SCOPE", "HELD", "SINCE", "RELEASE"], map(_hold, status.holds))
    if status.holds_capped:
        yield f"… and more holds than these {len(status.holds)}"


def _facts(status: Status, paint: Paint) -> Iterator[str]:
    pending = amount(status.pending or 0, capped=status.pending_capped)
    oldest = f"the oldest for {duration(status.oldest_pending)}" if status.oldest_pending is not None else ""
    held = amount(status.held or 0, capped=status.held_capped)
    holds = f"behind {plural(len(status.holds), 'hold', capped=status.holds_capped)}" if status.holds else ""
    alive = plural(status.relays_alive, "relay")
    yield f"  pending    {pending:>12}  {oldest}".rstrip()
    yield f"  held       {held:>12}  {holds}".rstrip()
    yield f"  published  {amount(status.published or 0):>12}  {amount(status.rate or 0)}/s in the last minute"
    if status.latency_ms is not None:
        worst = milliseconds(status.latency_ms_max or 0)
        yield f"  latency    {milliseconds(status.latency_ms):>12}  at worst {worst} in the last minute"
    yield "  alive      " + paint(f"{alive:>12}", State.OK if status.relays_alive else State.NO_RELAY)


def _relay(relay: RelayReport, status: Status) -> list[str]:
    shards = [str(shard.id) for shard in status.shards if shard.owner == relay.id]
    state = relay.state if relay.alive else "silent"
    return [
        relay.name,
        state,
        f"{duration(relay.silent)} ago",
        duration(relay.uptime),
        ", ".join(shards) or "-",
    ]


def _shard(shard: ShardReport) -> list[str]:
    return [
        str(shard.id),
        f"{shard.first_bucket}-{shard.last_bucket}",
        shard.owner_name or (str(shard.owner) if shard.owner else "none"),
        amount(shard.pending, capped=shard.pending_capped),
        duration(shard.oldest_pending) if shard.oldest_pending is not None else "-",
        amount(shard.published),
    ]


def _hold(hold: HoldReport) -> list[str]:
    release = "on request"
    if hold.release_in is not None:
        release = "under way" if hold.releasing else f"in {duration(hold.release_in)}"
    waiting = amount(hold.waiting, capped=hold.waiting_capped)
    return [str(hold.id), hold.reason, hold.where, waiting, duration(hold.age), release]


def _table(head: Sequence[str], body: Iterator[list[str]] | Sequence[list[str]]) -> Iterator[str]:
    rows = list(body)
    if rows:
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        yield ""
        for row in (head, *rows):
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
