"""What an auditor remembers of both sides, and the parts that it runs by turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from outbox.models import ContinuousAudit
from outbox_core.errors import KafkaUnreachable
from relay.audit.audit import Audit, Silent, advance
from relay.audit.continuous.following import Following
from relay.audit.kafka import KafkaLog, Reader
from relay.audit.log import Log
from relay.audit.scope import Scope


class Reopened:
    """A reader that is opened when it is needed first, and again after ``close``."""

    def __init__(self, make: Callable[[], Reader]) -> None:
        self._make = make
        self._reader: Reader | None = None

    def __getattr__(self, name: str) -> Any:
        if self._reader is None:
            self._reader = self._make()
        return getattr(self._reader, name)

    def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


class Work:
    """What an auditor remembers of both sides while it has the row."""

    def __init__(self, alias: str, make: Callable[[], Reader], row: ContinuousAudit) -> None:
        self.since = row.since
        self._log = Log(alias)
        self._kafkas = [KafkaLog(cast("Reader", Reopened(make))) for _ in range(2)]
        proved = row.until or self.now()
        self.following = Following(self._log, self._kafkas[0], self.since, proved)
        self.begin_again()

    def now(self) -> datetime:
        return self._log.moment().at

    def begin_again(self) -> None:
        """Begin the present cycle and the whole audit again, on new connections to Kafka."""
        self.close()
        self._cycle = self.following.cycle()
        self._audit = self._whole()

    def close(self) -> None:
        for kafka in self._kafkas:
            with suppress(KafkaUnreachable):
                kafka.close()

    def follow(self, seconds: float) -> datetime | None:
        """Compare what is new. The time up to which it is proved, if a cycle has ended."""
        self._log.prove()
        if not advance(self._cycle, seconds):
            return None
        self._cycle = self.following.cycle()
        return self.following.until

    def audit(self, seconds: float) -> Whole | None:
        """Read more of everything. The whole audit, if it has ended."""
        if not advance(self._audit.steps, seconds):
            return None
        done, self._audit = self._audit, self._whole()
        return done

    def _whole(self) -> Whole:
        return Whole(self._log, self._kafkas[1], self.since)


class Whole:
    """A whole audit in small steps; ``began`` is known then."""

    def __init__(self, log: Log, kafka: KafkaLog, since: datetime | None) -> None:
        self.began: datetime | None = None
        self.steps = self._run()
        self._log, self._kafka = log, kafka
        self._audit = Audit(log, kafka, Scope(since=since), Silent, None)
        self.findings = self._audit.findings

    def _run(self) -> Iterator[None]:
        self.began = self._log.moment().at
        self._kafka.forget()
        yield from self._audit.steps()
