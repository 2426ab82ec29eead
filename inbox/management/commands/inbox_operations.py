"""manage.py inbox_operations: what is done to many events, and to pause, resume or cancel it."""

from __future__ import annotations

from inbox.management.bulk import InboxFollowing
from outbox_core.operations.bulk.manager import ManagingCommand


class Command(ManagingCommand, InboxFollowing):
    help = (
        "List operations (inbox_release, inbox_discard, inbox_seek, and those of the admin) with their "
        "progress, or pause, resume or cancel one. Every consumer process carries them out, and so does "
        "--resume. "
        "Exit codes: 0 done, 1 failed or something was skipped, 2 there is no such operation or nothing to "
        "change, 130 interrupted."
    )
