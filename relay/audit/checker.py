"""Compares our records with the rows of the outbox, and notes which events were seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from outbox.conf import settings as outbox_settings
from outbox_core.wire.attributes import printable
from outbox_core.wire.encode import Row
from relay.audit.claims import Claim, Comparison
from relay.audit.expected import Expected
from relay.audit.findings import Difference, Findings, Wrong
from relay.audit.ids import IdSet
from relay.audit.log import Log
from relay.audit.order import Inversion

Note = Callable[[int, bytes, int], object]
"""Notes the first occurrence of an event: its partition, key and id."""


class Checker:
    """Adds to the findings whatever is wrong with a record."""

    def __init__(self, log: Log, expected: Expected, findings: Findings) -> None:
        self.seen = IdSet()
        self._log = log
        self._expected = expected
        self._findings = findings
        self._comparison = Comparison(outbox_settings().source)

    def check(self, batch: Sequence[Claim], note: Note = lambda *_: None) -> None:
        """Compare records in the order of Kafka."""
        rows = self._log.rows({found.id for found in batch})
        unknown = []
        for found in batch:
            row = rows.get(found.id)
            if row is None or row.event_id != found.event_id:
                unknown.append(found)
            elif self._is_exact(found, row) and found.id not in self.seen and found.record.topic == row.topic:
                if not found.replay:  # a replay makes up for a loss, and has no place in the order
                    note(found.record.partition, found.key, found.id)
                self.seen.add(found.id)
        if unknown:
            self._judge_unknown(unknown)

    def judge_order(self, wrong: Sequence[tuple[Inversion, Claim]]) -> None:
        """Ids of different transactions are the order of commits only where the writers of a key wait for
        each other.
        """
        ids = {number for inversion, _ in wrong for number in inversion}
        transactions = self._log.transactions(ids) if ids else {}
        for inversion, found in wrong:
            late, early = map(transactions.get, inversion)
            kind = Wrong.DISORDER if late == early else Wrong.PERHAPS_DISORDER
            self._add(kind, found, f"event #{inversion.late} stands behind #{inversion.early} of its key")

    def _is_exact(self, found: Claim, row: Row) -> bool:
        """Whether a record is what the outbox has; counts copies, and adds what differs."""
        differences = self._comparison.differences(row, found)
        if differences:
            self._add(Wrong.ALTERED, found, "; ".join(differences))
            self.seen.add(row.id)  # it is in Kafka, so do not report it as missing as well
        elif found.replay:
            self._findings.replayed += 1
        elif row.id in self.seen:
            self._findings.again += 1
        return not differences

    def _judge_unknown(self, unknown: Sequence[Claim]) -> None:
        """Records whose sequence leads to no event, or to another one."""
        rows = self._log.rows_of_events([found.event_id for found in unknown if _is_uuid(found.event_id)])
        if any(found.event_id not in rows for found in unknown):
            self._expected.look_again()
        for found in unknown:
            row = rows.get(found.event_id)
            if row is not None:
                self._is_exact(found, row)
            elif self._expected.was_deleted(found):
                self._findings.outside["deleted from the outbox"] += 1
            else:
                self._add(Wrong.PHANTOM, found, "the outbox has no such event")

    def _add(self, wrong: Wrong, found: Claim, detail: str) -> None:
        self._findings.add(
            Difference(
                wrong=wrong,
                event_id=found.event_id,
                topic=found.record.topic,
                key=printable(found.key),
                where=found.where,
                detail=detail,
            )
        )


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
