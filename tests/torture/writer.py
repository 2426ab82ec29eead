"""A writer process: ``python -m tests.torture.writer URL SEED TOPIC... [--holder]``, until SIGTERM.

Short and long transactions, savepoints, rollbacks before and after the events, one row or many. Which ones,
follows from the seed; how far they get, from what happens to the database meanwhile.
"""

from __future__ import annotations

import argparse
import random
import signal

import psycopg

from outbox_core.process.stopping import StopToken
from tests.torture.ledger import emit

KEYS = 24
RETRY_SECONDS = 0.2


class Writer:
    """Writes transactions one after the other; ``stop`` ends it behind the one under way."""

    def __init__(self, url: str, seed: int, topics: list[str], *, pace: float) -> None:
        self.stop = StopToken()
        self._url = url
        self._name = f"w{seed % 1000}"
        self._topics = topics
        self._pace = pace
        self._chance = random.Random(seed)

    def run(self) -> None:
        while not self.stop.requested:
            try:
                with psycopg.connect(self._url, connect_timeout=3, prepare_threshold=None) as connection:
                    while not self.stop.requested:
                        self.transaction(connection)
                        self.stop.wait(self._chance.expovariate(1 / self._pace))
            except psycopg.Rollback:  # the connection is gone
                pass
            except psycopg.Error as error:
                if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
                    raise  # not the database's fault, but ours
            self.stop.wait(RETRY_SECONDS)

    def transaction(self, connection: psycopg.Connection) -> None:
        """One transaction of a random kind on keys that all writers share."""
        chance = self._chance
        if chance.random() < 0.05:
            connection.execute("SELECT pg_current_xact_id()")
            connection.rollback()
        for topic, key in sorted(self._pick(chance.choice([1, 1, 1, 2, 3]))):
            if chance.random() < 0.2:
                self._in_savepoint(connection, topic, key)
            else:
                self._emit(connection, topic, key)
            if chance.random() < 0.1:
                self.stop.wait(chance.random() * 0.1)
        if chance.random() < 0.1:
            connection.rollback()
        else:
            connection.commit()

    def _pick(self, count: int) -> list[tuple[str, str]]:
        """Keys, the first of them ten times as often as the others, which makes it and its partition hot."""
        pick = self._chance.choice
        return list({(pick(self._topics), f"k{pick([0] * 10 + list(range(KEYS)))}") for _ in range(count)})

    def _in_savepoint(self, connection: psycopg.Connection, topic: str, key: str) -> None:
        with connection.transaction() as savepoint:
            self._emit(connection, topic, key)
            if self._chance.random() < 0.5:
                raise psycopg.Rollback(savepoint)
            if self._chance.random() < 0.2:
                self._in_savepoint(connection, topic, key)

    def _emit(self, connection: psycopg.Connection, topic: str, key: str) -> None:
        count = self._chance.choice([1, 1, 1, 2, 5, 40])
        emit(connection, topic, key, [self._payload() for _ in range(count)])

    def _payload(self) -> bytes | None:
        if self._chance.random() < 0.02:
            return None
        return self._chance.randbytes(self._chance.choice([8, 60, 200, 200, 800]))


class Holder(Writer):
    """Holds its transactions open for seconds, and some for minutes, on keys of its own."""

    def transaction(self, connection: psycopg.Connection) -> None:
        chance = self._chance
        for _ in range(chance.randint(1, 4)):
            emit(connection, chance.choice(self._topics), f"{self._name}-held", [self._payload()])
            self.stop.wait(chance.random() * 4 * chance.choice([1] * 19 + [30]))
        if chance.random() < 0.3:
            connection.rollback()
        else:
            connection.commit()


def main() -> None:
    parser = argparse.ArgumentParser("tests.torture.writer")
    parser.add_argument("url")
    parser.add_argument("seed", type=int)
    parser.add_argument("topics", nargs="+")
    parser.add_argument("--holder", action="store_true")
    parser.add_argument("--pace", type=float, default=0.03, help="mean seconds between transactions")
    options = parser.parse_args()
    kind = Holder if options.holder else Writer
    writer = kind(options.url, options.seed, options.topics, pace=options.pace)
    signal.signal(signal.SIGTERM, lambda *_: writer.stop.request())
    writer.run()


if __name__ == "__main__":
    main()
