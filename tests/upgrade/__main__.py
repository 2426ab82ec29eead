"""``python -m tests.upgrade v1.2.3``: upgrades the running example from that release to this working tree."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import devstack
from demo.broker import Broker
from demo.databases import Databases
from demo.errors import DemoError
from demo.outbox import Outbox
from demo.processes import Processes
from demo.purchases import Purchases
from demo.reconcile import answers, judge, read_all
from demo.screen import Screen
from demo.topology import SHOP, Topology
from tests.upgrade.release import Release
from tests.upgrade.rolling import Rolling


def main() -> int:
    options = _parse()
    with tempfile.TemporaryDirectory(prefix="release-") as unpacked:
        old, new = Release.of(options.ref, Path(unpacked)), Release.here()
        if rewritten := new.rewrote_migrations_of(old):
            print(f"No database of {options.ref} can be migrated: {', '.join(rewritten)} was rewritten.")
            return 1
        return upgrade(old, new, limit=options.limit, migrate_first=options.migrate_first)


def upgrade(old: Release, new: Release, *, limit: int, migrate_first: bool = False) -> int:
    """Upgrade, and compare the services. Returns 0 only if they agree. Logs are kept if they do not."""
    screen, folder = Screen(), Path(tempfile.mkdtemp(prefix="upgrade-"))
    screen.say(f"Logs: {folder}")
    purchases = Purchases.cdnow(everything=False, limit=limit)
    with ExitStack() as stack:
        services = stack.enter_context(devstack.start())
        topology = Topology(services.database_url, services.kafka_bootstrap)
        broker = stack.enter_context(Broker(topology))
        environ = {**topology.environ(), "EMAIL_FILE_PATH": str(folder / "mails")}
        processes = stack.enter_context(Processes(folder, environ))
        Databases(topology).create()
        broker.create_topics()
        outbox = stack.enter_context(Outbox(topology.url(SHOP)))
        rolling = Rolling(old, new, purchases, processes, outbox, broker, screen)
        try:
            rolling.run(migrate_first=migrate_first)
        except DemoError as error:
            screen.say(f"\n✗ {error}")
            return 1
        verdict = judge(read_all(topology, folder / "mails"), purchases.totals)
    screen.say(answers(verdict))
    if verdict.agrees:
        shutil.rmtree(folder)
    return 0 if verdict.agrees else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade", description=__doc__)
    parser.add_argument("ref", help="the release that runs today: a tag or a commit")
    parser.add_argument("--limit", type=int, default=2_000, help="how many purchases (default: 2000)")
    parser.add_argument(
        "--migrate-first", action="store_true", help="the new release cannot run on the old tables"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
