"""Test helpers for projects that use the outbox: the records that a relay would publish."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS

from outbox.conf import settings as outbox_settings
from outbox.log import rows
from outbox_core.wire.encode import Record
from relay.conf import settings
from relay.publishers.base import Publisher
from relay.publishers.memory import MemoryPublisher


def drain(
    publisher: Publisher | None = None, *, using: str = DEFAULT_DB_ALIAS, after: int = 0
) -> list[Record]:
    """Publish the events with an id above ``after`` that the test can see, in the order of their ids. Returns
    the records.

    Inside one transaction, as in a plain ``TestCase``, a snapshot shows nothing new. So this reads by id and
    moves no position; it is not for production. Without a ``publisher`` the records stay in memory. Raises
    AssertionError if a record is refused.
    """
    target = MemoryPublisher() if publisher is None else publisher
    encode = settings().encoder(outbox_settings().source)
    records = [encode(row) for row in rows.read(using, "page.id > %(after)s", {"after": after})]
    target.prepare({record.topic for record in records})
    left = records
    while left:
        outcomes = target.publish(left)
        refused = next((outcome for outcome in outcomes if outcome is not None), None)
        assert refused is None, f"The publisher refused a record: {refused}"
        left = left[len(outcomes) :]
    return records
