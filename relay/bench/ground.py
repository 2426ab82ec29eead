"""The resources of a benchmark: a topic and events of its own, which are removed, and a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connections

from outbox.log import tables
from outbox.models import OutboxEvent
from relay.errors import BenchTimedOut
from relay.publishers.kafka_python.own_topic import OwnTopic
from relay.sql import statement

LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Ground:
    """``after`` is the last id before it."""

    database: str
    seconds: float
    topic: OwnTopic = field(default_factory=OwnTopic)
    after: int = 0
    _until: float = 0.0

    @contextmanager
    def prepared(self, partitions: int, *, shared: bool) -> Iterator[None]:
        """The topic and the events are gone behind it. If the relay is ``shared``, it may still send what it
        has read, so after an error the topic stays.
        """
        self._until = time.monotonic() + self.seconds
        self.after = OutboxEvent.objects.using(self.database).last_id()
        self.topic.create(partitions)
        finished = False
        try:
            yield
            finished = True
        finally:
            try:
                self.run("bench/remove")
            finally:
                if finished or not shared:
                    self.topic.remove()

    @property
    def own(self) -> dict[str, int | str]:
        """Finds its events."""
        return {"after": self.after, "topic": self.topic.name}

    def run(self, name: str) -> list[tuple[int]]:
        """Run a statement on its events."""
        with connections[self.database].cursor() as cursor:
            cursor.execute(statement(name).replace("{schema}", tables.qualifier()), self.own)
            return list(cursor.fetchall()) if cursor.description else []

    def wait(self, is_done: Callable[[], bool], otherwise: str) -> None:
        """Raises BenchTimedOut."""
        while not is_done():
            self.check_time(otherwise)
            time.sleep(LOOK_SECONDS)

    def check_time(self, otherwise: str) -> None:
        """Raises BenchTimedOut once the time is over."""
        if time.monotonic() > self._until:
            raise BenchTimedOut(
                f"After {self.seconds:g} s {otherwise}. The events of the benchmark are removed. Run "
                "outbox_doctor, or give fewer --events or a longer --timeout."
            )
