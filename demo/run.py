"""``make demo``: runs everything, compares everything."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from demo.purchases import Purchases
from demo.reconcile import Verdict, answers, judge, read_all, rows, table
from demo.replay import Replay
from demo.screen import Screen
from demo.settling import settle
from demo.stage import Stage, staged


@dataclass(frozen=True, slots=True)
class Options:
    everything: bool = False
    limit: int | None = None
    writers: int = 2
    declined: float = 0.1


def run(options: Options, screen: Screen) -> int:
    """Run the demo. Returns 0 only if all services agree at the end."""
    with screen.phase("Purchases"):
        purchases = Purchases.cdnow(everything=options.everything, limit=options.limit)
        customers, count, dollars = purchases.totals
        screen.say(f"{count:,} purchases of {customers:,} customers: {dollars:,} dollars")
    with staged(screen) as stage:
        with screen.phase("Replay"):
            Replay(purchases, options.writers, options.declined).run(stage.outbox, stage.processes, screen)
        with screen.phase("Arrival"):
            settle(stage.outbox, stage.broker, stage.processes, screen)
        with screen.phase("Reconciliation"):
            verdict = reconcile(stage, purchases)
    screen.say(screen.summary())
    if verdict.agrees:
        shutil.rmtree(stage.folder)
        screen.say("Everything agrees.")
        return 0
    screen.say(f"It does not agree. The logs are in {stage.folder}.")
    return 1


def reconcile(stage: Stage, purchases: Purchases) -> Verdict:
    """Read what every service has, print it side by side, and compare it."""
    screen = stage.screen
    with screen.bar("records of Kafka", 1) as bar:
        ledgers = read_all(stage.topology, stage.mails, bar.to)
    verdict = judge(ledgers, purchases.totals)
    screen.say(table(rows(ledgers)))
    screen.say()
    screen.say(answers(verdict))
    return verdict
