"""A page of the documentation for each problem that a status, an alert or a log line reports."""

from __future__ import annotations

from enum import StrEnum

SITE = "https://maintainers.github.io/django-outbox-relay/"


class Runbook(StrEnum):
    """The name of a page in ``docs/runbooks``."""

    NO_RELAY = "no-relay"
    RELAY_DEGRADED = "relay-degraded"
    SHARD_WITHOUT_OWNER = "shard-without-owner"
    REFUSED = "refused"
    PRECONDITIONS = "preconditions"
    OUTBOX_BEHIND = "outbox-behind"
    OUTBOX_HELD = "outbox-held"
    NOT_PRUNED = "not-pruned"
    DIFFERENT = "different"
    NOT_PROVED = "not-proved"
    NO_CONSUMER = "no-consumer"
    CONSUMER_WAITS = "consumer-waits"
    CONSUMER_PAUSED = "consumer-paused"
    CONSUMER_BEHIND = "consumer-behind"
    GROUP_SHARED = "group-shared"
    LAG_UNKNOWN = "lag-unknown"
    RETRIES = "retries"
    INBOX_HELD = "inbox-held"
    RECORDS_MISSED = "records-missed"
    TYPE_WITHOUT_HANDLER = "type-without-handler"
    OPERATION_WAITS = "operation-waits"
    PROCESS_STUCK = "process-stuck"
    NOT_MIGRATED = "not-migrated"
    UNREADABLE = "unreadable"

    @property
    def url(self) -> str:
        return f"{SITE}runbooks/{self}/"


OF_ACTIONS = {
    "relay.degraded": Runbook.RELAY_DEGRADED,
    "relay.refused": Runbook.REFUSED,
    "relay.hold_made": Runbook.OUTBOX_HELD,
    "relay.difference_found": Runbook.DIFFERENT,
    "relay.audit_interrupted": Runbook.NOT_PROVED,
    "inbox.degraded": Runbook.CONSUMER_WAITS,
    "inbox.blocked": Runbook.CONSUMER_WAITS,
    "inbox.paused": Runbook.CONSUMER_PAUSED,
    "inbox.retry_scheduled": Runbook.RETRIES,
    "inbox.hold_made": Runbook.INBOX_HELD,
    "inbox.topics_missing": Runbook.CONSUMER_WAITS,
    "inbox.records_missed": Runbook.RECORDS_MISSED,
    "inbox.type_unhandled": Runbook.TYPE_WITHOUT_HANDLER,
    "process.silent": Runbook.PROCESS_STUCK,
}
"""The actions of log lines that report a problem."""


def field(action: str) -> dict[str, str]:
    """What a log record has besides its action: the address of the page, if it reports a problem."""
    found = OF_ACTIONS.get(action)
    return {} if found is None else {"runbook": found.url}
