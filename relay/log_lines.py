"""The relay's log lines: one for each signal, with a stable ``action`` and fields for machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from outbox_core.operations import runbook
from outbox_core.people.logs import guard
from outbox_core.wire.trace import trace_id
from relay import signals
from relay.condition import Cause, State

logger = logging.getLogger("relay")
HELD = {
    "key": ("and later events of its key", "no other key is affected"),
    "event": ("alone", "no other event is affected"),
    "replay": ("and the rest of its replay", "no other event is affected"),
}


def listen() -> None:
    """Begin to log. Called once by the command."""
    guard(logger)
    for name, log_line in RECEIVERS.items():
        getattr(signals, name).connect(log_line, dispatch_uid="relay.log_lines")


def _started(*, database: str, kafka: str, **_: Any) -> None:
    message = "Publishing the outbox of database %s to %s. outbox_doctor checks each step."
    _log(logging.INFO, "relay.started", message, database, kafka, database=database, kafka=kafka)


def _state_changed(
    *, old: State, new: State, cause: Cause | None, detail: str, seconds: float, **_: Any
) -> None:
    reason = detail.rstrip(".")
    if cause is not None and cause.needs_a_person:
        message = "%s. Nothing is lost, but nothing is published until a person acts. The relay checks again."
        _log(logging.ERROR, "relay.refused", message, reason, cause=cause.value)
    elif cause is not None:
        _log(logging.WARNING, "relay.degraded", "%s. Nothing is lost; retrying.", reason, cause=cause.value)
    elif old is State.DEGRADED and new is not State.STOPPING:
        message = "Recovered after %.1f s: %s."
        _log(logging.INFO, "relay.recovered", message, seconds, new.value, state=new.value, seconds=seconds)
    else:
        _log(logging.INFO, "relay.state_changed", "State: %s.", new.value, state=new.value)


def _reason_changed(*, cause: Cause, detail: str, seconds: float, **_: Any) -> None:
    message = "After %.0f s the reason is another one: %s. Nothing is lost; retrying."
    _log(
        logging.WARNING,
        "relay.reason_changed",
        message,
        seconds,
        detail.rstrip("."),
        cause=cause.value,
        seconds=seconds,
    )


def _shard_acquired(*, lease: Any, **_: Any) -> None:
    _log(
        logging.INFO,
        "relay.shard_acquired",
        "Owns shard %d (buckets %d-%d), epoch %d.",
        lease.shard,
        lease.first,
        lease.last,
        lease.epoch,
        shard=lease.shard,
        epoch=lease.epoch,
    )


def _shard_lost(*, lease: Any, why: str, **_: Any) -> None:
    _log(
        logging.INFO,
        "relay.shard_lost",
        "Gives up shard %d, epoch %d: %s.",
        lease.shard,
        lease.epoch,
        why.rstrip("."),
        shard=lease.shard,
        epoch=lease.epoch,
    )


def _hold_made(*, row: Any, failure: Any, scope: str, provisional: bool, **_: Any) -> None:
    detail = failure.detail.rstrip(".")
    if scope == "topic":
        _log(
            logging.INFO if provisional else logging.ERROR,
            "relay.hold_made",
            "Holding topic %s: %s. Its events wait, in order, until the topic can be written; "
            "no other topic is affected. Nothing is lost.",
            *(row.topic, detail),
            scope=scope,
            topic=row.topic,
        )
        return
    what, rest = HELD[scope]
    _log(
        logging.ERROR,
        "relay.hold_made",
        "Holding event %s (%s, topic %s, key %s) %s: %s. Nothing is lost; %s. See outbox_status.",
        *(row.event_id, row.type, row.topic, row.key, what, detail, rest),
        scope=scope,
        topic=row.topic,
        event_id=row.event_id,
        trace_id=trace_id(json.loads(row.headers)),
    )


def _hold_released(*, release: Any, **_: Any) -> None:
    part = {
        "topic": "",
        "key": f"key {release.key} of ",
        "event": "one event of ",
        "replay": f"replay {release.key} to ",
    }[release.scope]
    _log(
        logging.INFO,
        "relay.hold_released",
        "Hold on %stopic %s released after %.1f s; all its events are published.",
        *(part, release.topic, release.seconds),
        scope=release.scope,
        topic=release.topic,
        reason=release.reason,
    )


def _difference_found(*, differences: int, first: Mapping[str, str], **_: Any) -> None:
    event = f"event {first['event_id']}, " if first["event_id"] else ""
    topic = f"topic {first['topic']}, " if first["topic"] else ""
    _log(
        logging.ERROR,
        "relay.difference_found",
        "Outbox and Kafka are different: %d found. %s: %s%s%s: %s. %s",
        *(differences, first["what"], event, topic, first["where"], first["detail"], first["remedy"]),
        differences=differences,
        **{name: first[name] for name in ("wrong", "topic", "event_id")},
    )


def _audit_interrupted(*, why: str, **_: Any) -> None:
    message = "The continuous audit waits: %s. Publishing is not affected; it tries again."
    _log(logging.WARNING, "relay.audit_interrupted", message, why.rstrip("."))


def _log(level: int, action: str, message: str, *arguments: object, **fields: object) -> None:
    logger.log(level, message, *arguments, extra={"action": action, **runbook.field(action), **fields})


RECEIVERS = {
    "started": _started,
    "state_changed": _state_changed,
    "reason_changed": _reason_changed,
    "shard_acquired": _shard_acquired,
    "shard_lost": _shard_lost,
    "hold_made": _hold_made,
    "hold_released": _hold_released,
    "difference_found": _difference_found,
    "audit_interrupted": _audit_interrupted,
}
