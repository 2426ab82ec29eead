"""Records that the broker can never take."""

from __future__ import annotations

from django.db.models.functions import Now

from outbox.models import Hold
from relay.publishers.base import Failure, Trouble
from tests.relay.conftest import Desk, Writer

TOO_LARGE = "x" * 500


def poisoned(office: Desk, w: Writer) -> None:
    """Events of a key of which the second is too large, and others between them."""
    office.broker._max_record_bytes = 400
    w.insert("k")
    w.insert("other")
    w.insert("k")
    w.connection.execute(
        f"UPDATE outbox_event SET payload = '{TOO_LARGE}' WHERE id IN (SELECT max(id) FROM outbox_event)"
    )
    w.insert("k", 2)
    w.insert("other")
    w.commit()


def release() -> None:
    Hold.objects.update(release_at=Now())


def refuse_bad_ones(office: Desk) -> list[int]:
    """A broker that refuses a batch for one record of it. How large the batches were that it got."""
    publish, batches = office.broker.publish, list[int]()

    def refuse(records):  # type: ignore[no-untyped-def]
        batches.append(len(records))
        if any(r.key == b"bad" for r in records):
            return [Failure(Trouble.RECORD, "invalid record")] * len(records)
        return publish(records)

    office.broker.publish = refuse  # type: ignore[method-assign]
    return batches
