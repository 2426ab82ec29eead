"""Reads the payload as the type that a handler declares. Unknown fields are ignored."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec.inspect import CustomType, type_info

from inbox.errors import HandlerError, InvalidPayload
from outbox_core.wire.attributes import is_json
from outbox_core.wire.event import Event


class PayloadReader:
    """Reads an event's data as ``annotation``: a dataclass, a ``msgspec.Struct``, ..., or raw ``bytes``.

    ``| None`` in the annotation is for tombstones.

    Raises:
        HandlerError: the annotation is not a type that JSON can be read as.
    """

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
        self.nullable = type(None) in members or annotation is Any
        self.raw = bytes in members
        try:
            self._decode = msgspec.json.Decoder(annotation).decode
        except TypeError as error:
            raise HandlerError(f"{self.name} cannot be read from JSON: {error}") from error
        if any(isinstance(type_info(member), CustomType) for member in members):
            raise HandlerError(f"{self.name} cannot be read from JSON; use a dataclass or a msgspec.Struct")

    @property
    def name(self) -> str:
        return getattr(self.annotation, "__name__", None) or str(self.annotation)

    def read(self, event: Event) -> Any:
        """The payload of ``event``.

        Raises:
            InvalidPayload: it does not fit, and the message says which field.
        """
        if event.data is None:
            if self.nullable:
                return None
            raise InvalidPayload(
                f"a tombstone (null value), but the handler takes {self.name}: let it take None too"
            )
        if self.raw:
            return event.data
        if not is_json(event.content_type):
            raise InvalidPayload(
                f"its content type is {event.content_type}; only JSON can be read as {self.name}"
            )
        try:
            return self._decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidPayload(f"its data does not fit {self.name}: {error}") from error
