"""``replay_purchases``: writes recorded purchases as orders of the shop."""

from __future__ import annotations

import argparse
import signal
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError
from tqdm import tqdm

from shop import catalogue
from shop.errors import PurchaseFileError
from shop.purchases import cdnow, history
from shop.purchases.outstanding import Outstanding
from shop.purchases.replay import Replay, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.management.base import CommandParser

    from shop.purchases.tally import Tally


class Command(BaseCommand):
    help = (
        "Replay real purchases (CDNOW, 1997-1998): each becomes an order, placed and paid at once. "
        "A stopped replay continues: purchases that are already in the shop are skipped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group()
        source.add_argument(
            "file", nargs="?", type=Path, help="a file of purchases instead of the CDNOW data"
        )
        source.add_argument(
            "--sample", action="store_true", help="6,919 purchases of 2,357 customers (the default)"
        )
        source.add_argument("--all", action="store_true", help="69,659 purchases of 23,570 customers")
        parser.add_argument(
            "--writers", type=whole, default=4, help="processes that write at once (default: 4)"
        )
        parser.add_argument(
            "--declined",
            type=share,
            default=0.1,
            metavar="SHARE",
            help="share of purchases declined and rolled back before they succeed (default: 0.1)",
        )
        parser.add_argument(
            "--seed", type=int, default=0, help="decides which payments are declined (default: 0)"
        )
        parser.add_argument("--limit", type=whole, help="only the first so many purchases of the file")
        parser.add_argument("--rate", type=positive, help="purchases a second (default: as many as possible)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            purchases = history.read(self.path(options))[: options["limit"]]
            catalogue.seed()
            outstanding = Outstanding.of(purchases)
        except PurchaseFileError as error:
            raise CommandError(str(error)) from error
        except OperationalError as error:
            raise CommandError(
                f"PostgreSQL does not answer. Is it running, and DATABASE_URL right? {error}"
            ) from error
        except ProgrammingError as error:
            raise CommandError(
                f"The shop's tables are missing. Run manage.py migrate first. {error}"
            ) from error
        self.report_known(len(purchases) - len(outstanding.purchases))
        if outstanding.purchases:
            self.replay(outstanding, options)

    def path(self, options: dict[str, Any]) -> Path:
        if options["file"]:
            return Path(options["file"])
        return cdnow.dataset(cdnow.MASTER if options["all"] else cdnow.SAMPLE, settings.CACHE_DIR)

    def report_known(self, known: int) -> None:
        if known:
            self.stdout.write(f"{known:,} purchases are already in the shop and are skipped.")

    def replay(self, outstanding: Outstanding, options: dict[str, Any]) -> None:
        terms = Terms(options["declined"], options["seed"], options["rate"])
        replay = Replay(terms, options["writers"])
        total = len(outstanding.purchases)
        started = time.monotonic()
        try:
            with stopped_by_signals(replay), tqdm(total=total, unit=" purchases", disable=None) as bar:
                tally = replay.run(outstanding, bar.update)
        except BrokenProcessPool as error:
            raise CommandError("A writer was killed. Run the command again to continue.") from error
        except OperationalError as error:
            raise CommandError(f"PostgreSQL went away. Run the command again to continue. {error}") from error
        self.summarise(tally, time.monotonic() - started)
        if tally.purchases < total:
            self.stdout.write(
                f"Stopped with {total - tally.purchases:,} purchases left. Run the command again to continue."
            )
            raise SystemExit(130)

    def summarise(self, tally: Tally, seconds: float) -> None:
        self.stdout.write(f"{tally}.")
        self.stdout.write(f"{seconds:.1f} s, {tally.purchases / seconds:,.0f} purchases/s.")


@contextmanager
def stopped_by_signals(replay: Replay) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the replay after the purchases that are being written."""

    def stop(number: int, frame: object) -> None:
        # In a thread: the handler may interrupt the very wait that ``stop`` ends, and would hang in it.
        Thread(target=replay.stop, name="stop").start()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return number


def share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number
