"""The event that a record carries, and the one that is being handled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The envelope of an event: its CloudEvents attributes and where in Kafka it was found.

    ``time`` is when it happened, or the record's timestamp where the producer did not say. ``headers`` holds
    the extension attributes (``traceparent``, ``correlationid``, ...). ``data`` is the payload as it was
    sent; None is a tombstone.
    """

    id: str
    source: str
    type: str
    time: datetime
    topic: str
    partition: int
    offset: int
    key: str | None = None
    subject: str | None = None
    sequence: str | None = None
    content_type: str | None = None
    dataschema: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes | None = field(default=None, repr=False)

    @property
    def replay(self) -> bool:
        """Whether an operator had the producer send this event once more (``ce_replay``)."""
        return bool(self.replay_id)

    @property
    def replay_id(self) -> str:
        """The id of the replay that it belongs to; ``true`` if it has none of its own, empty if it is no
        replay.
        """
        said = self.headers.get("replay", "")
        return "" if said == "false" else said


_current: ContextVar[Event | None] = ContextVar("current_event", default=None)


def current_event() -> Event | None:
    """The event that is being handled, None outside a handler: the cause of whatever the handler emits."""
    return _current.get()


@contextmanager
def handling(event: Event) -> Iterator[None]:
    """Make ``event`` the current one."""
    token = _current.set(event)
    try:
        yield
    finally:
        _current.reset(token)
