from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from inbox.management.command import InboxCommand
from inbox.selection import add_selection, selected


class Command(InboxCommand):
    """Let parked events go, for good."""

    help = (
        "Lets parked events go for good; who did it and why is kept with them. What waited behind them is "
        "handled then. Only what is named is discarded, not the rest of its key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_selection(parser)
        parser.add_argument("--reason", required=True, help="why nobody will miss them")

    def handle(self, *, dry_run: bool, reason: str, **options: Any) -> None:
        chosen = selected(options)
        if dry_run:
            for parked in chosen:
                self.stdout.write(
                    f"{parked.consumer} {parked.topic} {parked.key} {parked.type} {parked.event_id}"
                )
            self.stdout.write(f"{chosen.count()} would be discarded")
            return
        count = chosen.discard(by=f"{getpass.getuser()} (command)", reason=reason)
        self.stdout.write(f"{count} discarded")
