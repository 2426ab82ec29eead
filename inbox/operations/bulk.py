"""The operations of the inbox: release, discard and seek."""

from __future__ import annotations

from inbox.errors import InboxError, SourceUnavailable
from inbox.models import Ledger, Operation
from inbox.operations.discarding import Discard
from inbox.operations.releasing import Release
from inbox.operations.seeking import Seek
from outbox_core.operations.bulk.operations import Operations

RELEASE, DISCARD, SEEK = Release(), Discard(), Seek()
operations = Operations(
    model=Operation,
    ledger=Ledger,
    verbs={verb.name.value: verb for verb in (RELEASE, DISCARD, SEEK)},
    refusals=InboxError,
    passing=(SourceUnavailable,),
    process="manage.py run_consumer",
)
