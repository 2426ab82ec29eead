"""The operations of the outbox: release, discard, replay, backfill, audit, reshard."""

from __future__ import annotations

from outbox.errors import OutboxError
from outbox.models import Ledger, Operation
from outbox.operations.auditing import Audit
from outbox.operations.backfilling import Backfill
from outbox.operations.discarding import Discard
from outbox.operations.dividing import Reshard
from outbox.operations.releasing import Release
from outbox.operations.replaying import Replay
from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.verb import Verb

RELEASE, DISCARD, REPLAY, BACKFILL, AUDIT = Release(), Discard(), Replay(), Backfill(), Audit()
RESHARD = Reshard()
VERBS: tuple[Verb, ...] = (RELEASE, DISCARD, REPLAY, BACKFILL, AUDIT, RESHARD)
operations = Operations(
    model=Operation,
    ledger=Ledger,
    verbs={verb.name.value: verb for verb in VERBS},
    refusals=OutboxError,
    process="manage.py run_relay",
)
