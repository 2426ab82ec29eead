"""The operations of the inbox: release and discard."""

from __future__ import annotations

from inbox.errors import InboxError
from inbox.models import Ledger, Operation
from inbox.operations.discarding import Discard
from inbox.operations.releasing import Release
from outbox_core.operations.bulk.operations import Operations

RELEASE, DISCARD = Release(), Discard()
operations = Operations(
    model=Operation,
    ledger=Ledger,
    verbs={verb.name.value: verb for verb in (RELEASE, DISCARD)},
    refusals=InboxError,
    process="manage.py run_consumer",
)
