"""The operations of the outbox: release, discard, replay."""

from __future__ import annotations

from outbox.errors import OutboxError
from outbox.models import Ledger, Operation
from outbox.operations.discarding import Discard
from outbox.operations.releasing import Release
from outbox.operations.replaying import Replay
from outbox_core.operations.bulk.operations import Operations

RELEASE, DISCARD, REPLAY = Release(), Discard(), Replay()
operations = Operations(
    model=Operation,
    ledger=Ledger,
    verbs={verb.name.value: verb for verb in (RELEASE, DISCARD, REPLAY)},
    refusals=OutboxError,
    process="manage.py run_relay",
)
