"""The event that a record carries, and the one that is being handled."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from datetime import datetime

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
    headers: Mapping[str, str] = {}
    data: bytes | None = None

    def __repr__(self) -> str:
        """Everything but the data, which may be secret."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "data")
        return f"Event({', '.join(shown)})"

    @property
    def replay(self) -> bool:
        """Whether this event is part of a replay (``ce_replay``)."""
        return bool(self.replay_id)

    @property
    def replay_id(self) -> str:
        """The id of the replay that it belongs to; ``true`` if that replay has no id, empty if it is no
        replay.
        """
        replay = self.headers.get("replay", "")
        return "" if replay == "false" else replay


_current: ContextVar[Event | None] = ContextVar("current_event", default=None)


def current_event() -> Event | None:
    """The event that is being handled, None outside a handler: the cause of whatever the handler emits."""
    return _current.get()


class Handling:
    """Makes ``event`` the current one inside a ``with`` statement. With None, there is no current event."""

    __slots__ = ("_event", "_token")
    _token: Token[Event | None]

    def __init__(self, event: Event | None) -> None:
        self._event = event

    def __enter__(self) -> None:
        self._token = _current.set(self._event)

    def __exit__(self, *error: object) -> None:
        _current.reset(self._token)
