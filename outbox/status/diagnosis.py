"""Derives the state of an outbox and its problems from what was read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from outbox.models import Hold
from outbox.status.report import AuditReport, FirstDifference, Status, Thresholds
from outbox_core.operations.report import Problem, State, held_text, worst_first
from outbox_core.operations.runbook import Runbook
from outbox_core.people.humanize import amount, duration, plural

PRUNED_LATE_DAYS = 2
"""How much older than the retention the log may be. The alert OutboxNotPruned has the same limit."""

UNPROVED_SECONDS = 600.0
"""For how long a continuous audit may prove nothing new. The alert OutboxNotProved has the same limit."""


def diagnose(status: Status, thresholds: Thresholds) -> Status:
    """The same status with its problems, the worst first, and the state that follows."""
    problems = worst_first([*status.problems, *_problems(status, thresholds)])
    return replace(status, state=problems[0].state if problems else State.OK, problems=problems)


def _problems(status: Status, thresholds: Thresholds) -> Iterator[Problem]:
    yield from _shards_missing(status)
    yield from _relays(status)
    yield from _owners(status)
    yield from _backlog(status, thresholds)
    yield from _holds(status)
    yield from _retention(status)
    yield from _audit(status.audit)


def _shards_missing(status: Status) -> Iterator[Problem]:
    if not status.shards:
        yield Problem(
            state=State.NOT_MIGRATED,
            text="The table outbox_shard is empty, so no relay knows what to publish.",
            remedy=f"Run `manage.py migrate --database {status.database}`, which puts the first shard there.",
            runbook=Runbook.NOT_MIGRATED.url,
        )


def _relays(status: Status) -> Iterator[Problem]:
    for relay in status.relays:
        if relay.alive and relay.state == "degraded":
            yield Problem(
                state=State.DEGRADED,
                text=f"Relay {relay.name} has been degraded for {duration(relay.lasting)}. "
                f"{relay.detail}".strip(),
                remedy="Nothing is lost; it retries. Check that the named service answers there.",
                runbook=Runbook.RELAY_DEGRADED.url,
            )
    if not status.relays_alive:
        last = status.relays[0] if status.relays else None
        last_heartbeat = f" Last heartbeat: {last.name}, {duration(last.silent)} ago." if last else ""
        yield Problem(
            state=State.NO_RELAY,
            text=f"No relay is alive: nothing is published.{last_heartbeat}",
            remedy="Nothing is lost. Start a relay: `manage.py run_relay`. If one runs, look at its log.",
            runbook=Runbook.NO_RELAY.url,
        )


def _owners(status: Status) -> Iterator[Problem]:
    for shard in status.shards:
        if shard.owner is None and status.relays_alive:
            yield Problem(
                state=State.DEGRADED,
                text=f"Shard {shard.id} (buckets {shard.first_bucket}-{shard.last_bucket}) has no owner.",
                remedy=f"A relay takes it over within seconds. If this stays, {_to_do(shard.locked_by)}",
                runbook=Runbook.SHARD_WITHOUT_OWNER.url,
            )


def _to_do(locked_by: int | None) -> str:
    """Relays do not wait for a locked row, so their logs do not name the lock."""
    if locked_by is None:
        return "look at the relays' logs."
    if not locked_by:
        return "commit or roll back the prepared transaction that has its row locked: see pg_prepared_xacts."
    return f"end session {locked_by}, which has its row locked: SELECT pg_terminate_backend({locked_by})."


def _backlog(status: Status, thresholds: Thresholds) -> Iterator[Problem]:
    pending, age = status.pending or 0, status.oldest_pending or 0.0
    many = pending > thresholds.max_pending or (status.pending_capped and pending >= thresholds.max_pending)
    if many or age > thresholds.max_age:
        yield Problem(
            state=State.BEHIND,
            text=f"{_waiting(pending, capped=status.pending_capped)} to be published, "
            f"the oldest for {duration(age)}.",
            remedy=_pace(status),
            runbook=Runbook.OUTBOX_BEHIND.url,
        )


def _waiting(count: int | None, *, capped: bool) -> str:
    return f"{plural(count or 0, 'event', capped=capped)} {'waits' if count == 1 else 'wait'}"


def _pace(status: Status) -> str:
    if not status.rate:
        return (
            "Nothing was published in the last minute: look at the relay that owns the shard, and at its log."
        )
    if status.pending_capped:
        return f"The relays publish {amount(status.rate)}/s. If the backlog grows, give them more shards."
    left = duration((status.pending or 0) / status.rate)
    return f"The relays publish {amount(status.rate)}/s: they need {left} for the events that wait now."


def _holds(status: Status) -> Iterator[Problem]:
    # A replay is under way because a person wants it.
    causes = [cause for cause in status.causes if cause.reason != Hold.Reason.REPLAY]
    if causes:
        held = (status.held or 0) - sum(cause.events for cause in status.causes if cause not in causes)
        reasons = sorted({cause.reason for cause in causes})
        yield Problem(
            state=State.HELD,
            text=f"{held_text(held, causes, capped=status.held_capped)[:-1]}: {', '.join(reasons)}.",
            remedy=" ".join(["Other events are not affected.", *dict.fromkeys(map(_end_of, reasons))]),
            runbook=Runbook.OUTBOX_HELD.url,
        )


def _end_of(reason: str) -> str:
    """How a hold of this reason ends."""
    if reason == Hold.Reason.POISON:
        return (
            "Remove each cause of poison, then release the holds (`outbox_release`) or discard their events "
            "(`outbox_discard`)."
        )
    if reason == Hold.Reason.PAUSED:
        return "End a pause with `outbox_resume`."
    return "Make each topic writable again: its hold ends by itself then."


def _retention(status: Status) -> Iterator[Problem]:
    if status.oldest is None or status.retention_days is None:
        return
    if status.oldest > (status.retention_days + PRUNED_LATE_DAYS) * 86_400:
        yield Problem(
            state=State.DEGRADED,
            text=f"The log has an event that is {duration(status.oldest)} old, "
            f"and OUTBOX['RETENTION_DAYS'] is {status.retention_days}.",
            remedy="Nothing is lost, but the table grows. Run `manage.py outbox_prune` once a day. "
            "If it runs, the oldest events are held or pending: it keeps those.",
            runbook=Runbook.NOT_PRUNED.url,
        )


def _audit(audit: AuditReport | None) -> Iterator[Problem]:
    if audit is not None and audit.differences and audit.first is not None:
        count = plural(audit.differences, "difference")
        yield Problem(
            state=State.DIFFERENT,
            text=f"Outbox and Kafka have {count}. {difference(audit.first)}.",
            remedy=audit.first.remedy,
            runbook=Runbook.DIFFERENT.url,
        )
    elif audit is not None and (audit.age or 0) > UNPROVED_SECONDS:
        why = audit.trouble or ("" if audit.alive else "No process compares.")
        yield Problem(
            state=State.NOT_PROVED,
            text=f"Nothing was proved for {duration(audit.age or 0)}. {why}".strip(),
            remedy="Publishing is not affected. Start `manage.py outbox_audit --continuous`, or a relay with "
            "RELAY['AUDIT_SECONDS']; if one runs, look at its log. `outbox_audit --reset` ends it.",
            runbook=Runbook.NOT_PROVED.url,
        )


def difference(first: FirstDifference) -> str:
    """The first difference as text."""
    names = (("event ", first.event_id), ("topic ", first.topic), ("key ", first.key), ("", first.where))
    known = ", ".join(f"{what}{name}" for what, name in names if name)
    return f"{first.what}: {known}: {first.detail}"
