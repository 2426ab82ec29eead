"""The privileges that each role needs. docs/how-to/roles.md has the GRANT statements."""

from __future__ import annotations

from collections.abc import Mapping

STATUS: Mapping[str, str] = {
    "outbox_event": "SELECT",
    "outbox_shard": "SELECT",
    "outbox_checkpoint": "SELECT",
    "outbox_position": "SELECT",
    "outbox_hold": "SELECT",
    "outbox_held": "SELECT",
    "outbox_relay": "SELECT",
    "outbox_statistics": "SELECT",
    "outbox_consumer_groups": "SELECT",
    "outbox_audit": "SELECT",
    "outbox_minute": "SELECT",
    "outbox_operation": "SELECT",
}
RELAY: Mapping[str, str] = {
    "outbox_event": "SELECT",
    "outbox_shard": "SELECT, INSERT, UPDATE",
    "outbox_checkpoint": "SELECT, INSERT, DELETE",
    "outbox_position": "SELECT",
    "outbox_hold": "SELECT, INSERT, UPDATE, DELETE",
    "outbox_held": "SELECT, INSERT, UPDATE, DELETE",
    "outbox_incarnation": "SELECT, INSERT",
    "outbox_relay": "SELECT, INSERT, UPDATE, DELETE",
    "outbox_statistics": "SELECT, INSERT, UPDATE, DELETE",
    "outbox_ledger": "SELECT, INSERT, UPDATE",
    "outbox_consumer_groups": "SELECT, INSERT, UPDATE",
    "outbox_audit": "SELECT, INSERT, UPDATE",
    "outbox_minute": "SELECT, INSERT, DELETE",
    "outbox_operation": "SELECT, UPDATE",
}
RETENTION: Mapping[str, str] = {
    "outbox_event": "SELECT, UPDATE, DELETE",
    "outbox_position": "SELECT",
    "outbox_held": "SELECT, DELETE",
    "outbox_ledger": "SELECT, DELETE",
    "outbox_operation": "SELECT, DELETE",
}
HOLDS: Mapping[str, str] = {
    **STATUS,
    "outbox_hold": "SELECT, INSERT, UPDATE",
    "outbox_held": "SELECT, INSERT, UPDATE, DELETE",
    "outbox_ledger": "SELECT, INSERT, UPDATE",
    "outbox_operation": "SELECT, INSERT, UPDATE",
}
BACKFILL: Mapping[str, str] = {
    **STATUS,
    "outbox_event": "SELECT, INSERT",
    "outbox_operation": "SELECT, INSERT, UPDATE",
    "outbox_ledger": "SELECT, INSERT, UPDATE",
}
SHARDS: Mapping[str, str] = {
    "outbox_event": "SELECT, UPDATE",
    "outbox_shard": "SELECT, INSERT, UPDATE, DELETE",
    "outbox_checkpoint": "SELECT, INSERT, DELETE",
    "outbox_position": "SELECT",
    "outbox_held": "SELECT",
    "outbox_statistics": "SELECT, INSERT, UPDATE",
    "outbox_ledger": "SELECT, INSERT, UPDATE",
    "outbox_operation": "SELECT, INSERT, UPDATE",
}


def pairs(needs: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The tables and the privileges, one of each for every privilege."""
    each = [(table, privilege) for table, many in needs.items() for privilege in many.split(", ")]
    return [table for table, _ in each], [privilege for _, privilege in each]
