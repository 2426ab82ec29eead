"""Writers, relays and a broker in one process, driven step by step, and a model of what must come of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from uuid import uuid4

from django.db import connection
from django.db.models.functions import Now

from outbox.log.seed import seed
from outbox.models import Hold, Incarnation, Shard
from outbox.operations.resharding import reshard
from outbox.operations.retention import prune
from outbox_core.wire.encode import BinaryEncoder, Record
from relay.cluster.lease import Lease
from relay.conf import RelaySettings
from relay.context import Context
from relay.errors import LeaseLost, PublisherUnavailable
from relay.log.link import Link
from relay.log.session import Session
from relay.log.stretches import Stretches
from relay.publishers.base import Failure, Trouble
from relay.publishers.memory import MemoryPublisher
from relay.sender import Sender
from relay.shard.idle import wake
from relay.shard.owned import OwnedShard
from tests.relay.conftest import Writer

TTL = 3600.0
"""Leases end when a step says so, not before."""
SETTINGS = RelaySettings(
    lease_seconds=TTL, page_rows=3, page_bytes=60, topic_grace_seconds=0.0, topic_retry_seconds=0.0
)
TABLES = (
    "outbox_event, outbox_checkpoint, outbox_held, outbox_hold, outbox_relay, outbox_shard, outbox_statistics"
)
POISON = "!"
MANY = 300


class Transactions:
    """A writer's transaction, and what of each key it has written. Savepoints nest."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.levels: list[list[tuple[str, str]]] = [[]]

    @property
    def keys(self) -> set[str]:
        return {key for level in self.levels for key, _ in level}


class Broker(MemoryPublisher):
    """Refuses what is poison, unless it has been ``repaired``."""

    def __init__(self, records: list[Record], repaired: set[str]) -> None:
        super().__init__()
        self.records = records
        self.repaired = repaired

    def publish(self, records):  # type: ignore[no-untyped-def]
        poison = [r for r in records if (r.value or b"").decode().endswith(POISON) and not self.repaired]
        return [Failure(Trouble.RECORD, "invalid")] * len(records) if poison else super().publish(records)


class RelayOnBench:
    """What a relay process is, without its loop; ``crash`` leaves its leases behind."""

    def __init__(self, records: list[Record], repaired: set[str]) -> None:
        self._records, self._repaired = records, repaired
        self.start()

    def start(self) -> None:
        self.owner = uuid4()
        self.broker = Broker(self._records, self._repaired)
        self.session = Session("default")
        self.link = Link(TTL)
        self.stretches = Stretches(self.session, self.link, lambda: None, SETTINGS.page_rows)
        self.sender = Sender(self.broker, margin=0.0)
        self.shards: dict[int, OwnedShard] = {}
        self.lost = ""

    def acquire(self) -> None:
        lease = Lease.acquire(self.session, self.owner, TTL, list(self.shards))
        if lease is not None:
            context = Context(self.sender, BinaryEncoder("/bench"), SETTINGS, self.link, lambda: None)
            self.shards[lease.shard] = OwnedShard(self.session, lease, context, self.stretches)

    def step(self) -> bool:
        """One page of every shard, as a turn of the loop; what is lost is given up, as the loop does."""
        busy = False
        self.stretches.turn()
        wake(self.session, self.shards.values())
        for shard in list(self.shards.values()):
            try:
                busy = (shard.idle_at is None and shard.step()) or busy
                busy = shard.release() or busy
            except PublisherUnavailable as error:
                self.lost = str(error)
                busy = True
            except LeaseLost as error:
                self.lost = str(error)
                self.give_up()
                return True
        return busy

    def give_up(self) -> None:
        for shard in self.shards.values():
            shard.lease.release(self.session)
        self.shards.clear()
        self.stretches.forget()

    def crash(self) -> None:
        self.close()
        self.start()

    def close(self) -> None:
        self.sender.close(0)
        self.session.close()


class Bench:
    """``committed`` is the model: of each key, what must be published, in this order."""

    def __init__(self, relays: int = 2, writers: int = 3) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {TABLES}, outbox_incarnation RESTART IDENTITY")
        seed("default")
        self.committed: dict[str, list[str]] = defaultdict(list)
        self.records: list[Record] = []
        self.repaired: set[str] = set()
        self.relays = [RelayOnBench(self.records, self.repaired) for _ in range(relays)]
        self.transactions = [Transactions() for _ in range(writers)]
        self._serial = 0
        self._checked = 0
        self._seen: dict[str, list[str]] = defaultdict(list)

    def insert(self, number: int, key: str, count: int, *, poison: bool = False) -> None:
        """Events of a key; no other open transaction may have written to it, as the row lock would see to."""
        mine = self.transactions[number]
        if any(key in other.keys for other in self.transactions if other is not mine):
            return
        for _ in range(count):
            self._serial += 1
            text = f"{key}:{self._serial}{POISON if poison else ''}"
            (row,) = mine.writer.insert(key)
            mine.writer.connection.execute(
                "UPDATE outbox_event SET payload = %s WHERE id = %s", (text.encode(), row)
            )
            mine.levels[-1].append((key, text))

    def savepoint(self, number: int) -> None:
        mine = self.transactions[number]
        mine.writer.connection.execute(f"SAVEPOINT s{len(mine.levels)}")
        mine.levels.append([])

    def end_savepoint(self, number: int, *, keep: bool) -> None:
        mine = self.transactions[number]
        if len(mine.levels) > 1:
            verb = "RELEASE" if keep else "ROLLBACK TO"
            top = mine.levels.pop()
            mine.writer.connection.execute(f"{verb} SAVEPOINT s{len(mine.levels)}")
            if keep:
                mine.levels[-1] += top

    def end(self, number: int, *, commit: bool) -> None:
        mine = self.transactions[number]
        if commit:
            mine.writer.commit()
            for level in mine.levels:
                for key, text in level:
                    self.committed[key].append(text)
        else:
            mine.writer.rollback()
        mine.levels = [[]]

    def expire(self) -> None:
        """Every lease runs out; those who had one don't know."""
        Shard.objects.update(lease_until="2000-01-01T00:00:00Z")

    def crash_recovery(self) -> None:
        """As far as a running session can meet it: behind a pooler, what it sees is an empty token table."""
        Incarnation.objects.all().delete()

    def reshard(self, count: int) -> None:
        reshard("default", count)

    def prune(self) -> None:
        list(prune(older_than=timedelta(0), chunk=5))

    def fail_next(self, number: int) -> None:
        self.relays[number].broker.failures.append(Failure(Trouble.RETRIABLE, "no leader"))

    def pause(self) -> None:
        Hold.objects.pause("t")

    def release_holds(self) -> None:
        Hold.objects.update(release_at=Now())

    def check(self) -> None:
        """First occurrences are, key by key, a prefix of what was committed."""
        for record in self.records[self._checked :]:
            key, text = record.key.decode(), (record.value or b"").decode()
            if text not in self._seen[key]:
                self._seen[key].append(text)
        self._checked = len(self.records)
        for key, seen in self._seen.items():
            assert seen == self.committed[key][: len(seen)], f"{key}: {seen} of {self.committed[key]}"

    def finish(self) -> None:
        """Let everything come to rest: then all that was committed is published."""
        for number in range(len(self.transactions)):
            self.end(number, commit=True)
        self.repaired.add("repaired")
        for relay in self.relays:
            relay.broker.failures.clear()
            relay.crash()
        self.expire()
        self.release_holds()
        last = self.relays[0]
        for _ in range(MANY):
            free = len(last.shards) < Shard.objects.count()
            if free:
                last.acquire()
            if not last.step() and not free:
                break
        else:
            raise AssertionError(
                f"never came to rest: {last.lost} {list(Shard.objects.values())} {list(last.shards)} "
                f"{list(Hold.objects.values())} {[s._checkpoints.position for s in last.shards.values()]}"
            )
        self.check()
        missing = {key: texts[len(self._seen[key]) :] for key, texts in self.committed.items()}
        assert not any(missing.values()), f"never published: {missing}"
        assert not Hold.objects.exists()

    def close(self) -> None:
        for relay in self.relays:
            relay.close()
        for transaction in self.transactions:
            transaction.writer.close()
