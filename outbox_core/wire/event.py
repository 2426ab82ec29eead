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


def restore(event: Event | None) -> None:
    """Make it the current one again, where a ``Handling`` was kept from its end."""
    _current.set(event)


class Handling:
    """Makes ``event`` the current one, in a ``with`` statement. None: no event is."""

    __slots__ = ("_event", "_token")
    _token: Token[Event | None]

    def __init__(self, event: Event | None) -> None:
        self._event = event

    def __enter__(self) -> None:
        self._token = _current.set(self._event)

    def __exit__(self, *error: object) -> None:
        _current.reset(self._token)
