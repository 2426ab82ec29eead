"""A status as a report for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from outbox.status.report import AuditReport, GroupReport, GroupsReport, RelayReport, ShardReport, Status
from outbox_core.operations.report import Report, Table, causes_table
from outbox_core.people.humanize import amount, duration, milliseconds, plural


def report(status: Status) -> Report:
    """What ``outbox_status`` prints."""
    read = status.at is not None
    return Report(
        title=f"outbox of database {status.database}",
        state=status.state,
        problems=status.problems,
        facts=tuple(_facts(status)) if read else (),
        tables=tuple(_tables(status)) if read else (),
        data=status.as_dict(),
    )


def _tables(status: Status) -> Iterator[Table]:
    yield Table(["RELAY", "STATE", "HEARD", "UP", "SHARDS"], [_relay(each, status) for each in status.relays])
    shards = ["SHARD", "BUCKETS", "OWNER", "PENDING", "OLDEST", "PUBLISHED"]
    yield Table(shards, [_shard(each) for each in status.shards])
    yield causes_table(status.causes)
    if status.consumer_groups is not None:
        head = ["CONSUMER GROUP", "TOPIC", "ALIVE", "LAG", "OLDEST", "AS OF"]
        yield Table(head, [_group(each, status.consumer_groups) for each in status.consumer_groups.groups])


def _facts(status: Status) -> Iterator[str]:
    pending = amount(status.pending or 0, capped=status.pending_capped)
    oldest = f"the oldest for {duration(status.oldest_pending)}" if status.oldest_pending is not None else ""
    held = amount(status.held or 0, capped=status.held_capped)
    behind = plural(status.holds_total, "hold", capped=status.holds_capped)
    yield f"  pending    {pending:>12}  {oldest}".rstrip()
    yield f"  held       {held:>12}  {f'behind {behind}' if status.holds_total else ''}".rstrip()
    yield f"  published  {amount(status.published or 0):>12}  {amount(status.rate or 0)}/s in the last minute"
    if status.latency_ms is not None:
        worst = milliseconds(status.latency_ms_max or 0)
        yield f"  latency    {milliseconds(status.latency_ms):>12}  at worst {worst} in the last minute"
    yield f"  alive      {plural(status.relays_alive, 'relay'):>12}"
    if status.audit is not None:
        yield from _audit(status.audit)


def _audit(audit: AuditReport) -> Iterator[str]:
    if audit.until is not None:
        ago, compared = duration(audit.age or 0), duration(audit.compared or 0)
        yield f"  proved     {_clock(audit.until):>12}  complete up to then, {ago} ago"
        yield f"  {'':>23}  everything was compared {compared} ago"
    elif audit.alive:
        yield f"  proved     {'-':>12}  everything is compared for the first time"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S} UTC"


def _relay(relay: RelayReport, status: Status) -> list[str]:
    shards = [str(shard.id) for shard in status.shards if shard.owner == relay.id]
    state = relay.state if relay.alive else "silent"
    last_heartbeat = f"{duration(relay.silent)} ago"
    return [relay.name, state, last_heartbeat, duration(relay.uptime), ", ".join(shards) or "-"]


def _shard(shard: ShardReport) -> list[str]:
    return [
        str(shard.id),
        f"{shard.first_bucket}-{shard.last_bucket}",
        shard.owner_name or (str(shard.owner) if shard.owner else "none"),
        amount(shard.pending, capped=shard.pending_capped),
        duration(shard.oldest_pending) if shard.oldest_pending is not None else "-",
        amount(shard.published),
    ]


def _group(group: GroupReport, of: GroupsReport) -> list[str]:
    return [
        group.group,
        group.topic,
        plural(group.members, "member") if group.members else "no",
        amount(group.lag),
        "unknown" if group.seconds is None else duration(group.seconds) if group.lag else "-",
        f"{duration(of.age or 0)} ago",
    ]
