"""The events of a benchmark. They belong to no registered type and have random letters as payload."""

from __future__ import annotations

import random
import re
import string
from dataclasses import dataclass

from outbox.conf import settings
from outbox.write.buckets import bucket_of
from outbox.write.row import NewRow
from outbox.write.uuid7 import uuid7

TYPE = "outbox.bench"
_NUMBER = re.compile(rb'"number":([0-9]+)')


@dataclass(frozen=True, slots=True)
class Load:
    """``size`` is the bytes of a payload."""

    topic: str
    size: int
    keys: int

    @property
    def source(self) -> str:
        return settings().source

    def row(self, number: int) -> NewRow:
        key = f"key-{number % self.keys}"
        return NewRow(
            bucket=bucket_of(key),
            topic=self.topic,
            key=key,
            type=TYPE,
            subject=None,
            event_id=uuid7(),
            payload=self._payload(number),
            headers="{}",
            source=self.source,
            serialize=False,
        )

    def rows(self, count: int) -> list[NewRow]:
        return [self.row(number) for number in range(count)]

    def _payload(self, number: int) -> bytes:
        """Random letters, because a repeated letter would compress to nothing."""
        head = f'{{"number":{number},"text":"'
        letters = random.Random(number).choices(string.ascii_letters, k=max(0, self.size - len(head) - 2))
        return f'{head}{"".join(letters)}"}}'.encode()


def number_of(value: bytes) -> int:
    """Of the event in a record, in either content mode."""
    found = _NUMBER.search(value)
    assert found is not None
    return int(found[1])
