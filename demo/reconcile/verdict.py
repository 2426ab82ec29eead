"""Decides whether everything agrees. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from demo.reconcile.effects import compare_analytics, compare_crm, compare_mails, compare_outbox
from demo.reconcile.facts import Ledgers, Totals
from demo.reconcile.findings import Fault, Finding
from demo.reconcile.rolled_back import find_rolled_back
from demo.reconcile.totals import compare_totals
from demo.reconcile.wire import compare_events, compare_order, first_deliveries


@dataclass(frozen=True, slots=True)
class Verdict:
    """All differences, and the numbers of what was compared."""

    findings: tuple[Finding, ...]
    declined: int
    events: int
    keys: int
    resent: int
    mails: int

    @property
    def agrees(self) -> bool:
        return not self.findings

    def of(self, fault: Fault) -> list[Finding]:
        return [finding for finding in self.findings if finding.fault is fault]


def judge(ledgers: Ledgers, known: Totals | None = None) -> Verdict:
    """Compare everything with everything; with ``known``, also the sums with those of the data."""
    records = ledgers.records
    return Verdict(
        findings=tuple(_findings(ledgers, known)),
        declined=len(ledgers.shop.declined),
        events=len(ledgers.shop.events),
        keys=len({(event.topic, event.key) for event in ledgers.shop.events}),
        resent=len(records) - len(first_deliveries(records)),
        mails=len(ledgers.notifications.mails),
    )


def _findings(ledgers: Ledgers, known: Totals | None) -> Iterator[Finding]:
    shop, records = ledgers.shop, ledgers.records
    yield from find_rolled_back(ledgers)
    yield from compare_outbox(shop)
    yield from compare_events(shop.events, records)
    yield from compare_order(shop.events, records)
    yield from compare_crm(shop, ledgers.crm)
    yield from compare_analytics(shop, ledgers.analytics)
    yield from compare_mails(shop, ledgers.notifications)
    if known is not None:
        yield from compare_totals(ledgers, known)
