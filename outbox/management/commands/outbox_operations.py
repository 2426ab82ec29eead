"""manage.py outbox_operations: what is done to many events, and to pause, resume or cancel it."""

from __future__ import annotations

from outbox.management.bulk import OutboxFollowing
from outbox_core.operations.bulk.manager import ManagingCommand


class Command(ManagingCommand, OutboxFollowing):
    help = (
        "List operations (outbox_release, outbox_discard, outbox_replay, outbox_backfill, outbox_shards, "
        "outbox_audit --operation, and those of the admin) with their progress, or pause, resume or cancel "
        "one. The relay that owns shard 0 carries them out, and so does --resume. Exit codes: 0 done, "
        "1 failed or something was skipped, 2 there is no such operation or nothing to change, 130 "
        "interrupted."
    )
