"""``outbox.Event``: a base class for events, which type checkers know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, dataclass_transform

import msgspec

from outbox.write.registry import Getter, event

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass_transform(frozen_default=True)
class Event:
    """A frozen dataclass that is registered as ``@outbox.event`` does, with the same options::

        class OrderPlaced(outbox.Event, type="shop.order.placed", topic="shop.orders", key="order_id"):
            order_id: UUID
            total: Annotated[Decimal, outbox.Places(2)]

    ``kw_only=True`` is the dataclass's. A class without ``type`` is a base of others and not registered.
    Raises ImproperlyConfigured as ``@outbox.event`` does.
    """

    if not TYPE_CHECKING:
        __slots__ = ()

    def __init_subclass__(
        cls,
        *,
        type: str | None = None,
        topic: str | None = None,
        key: str | Getter | None = None,
        version: int = 1,
        subject: str | Getter | None = None,
        serialize: bool = False,
        tombstone: bool = False,
        dataschema: str | None = None,
        attributes: Mapping[str, str | Getter] | None = None,
        kw_only: bool = False,
    ) -> None:
        super().__init_subclass__()
        dataclass(frozen=True, kw_only=kw_only)(cls)
        if type is None:
            if (topic, key) != (None, None):
                raise TypeError(f"{cls.__qualname__}: topic= and key= have no effect without type=.")
            return
        if topic is None or key is None:
            raise TypeError(f"{cls.__qualname__}: an event with a type needs topic= and key= as well.")
        event(
            type,
            topic=topic,
            key=key,
            version=version,
            subject=subject,
            serialize=serialize,
            tombstone=tombstone,
            dataschema=dataschema,
            attributes=attributes,
        )(cls)


class AttrsInstance(Protocol):
    """An instance of an attrs class."""

    __attrs_attrs__: ClassVar[Any]


class PydanticInstance(Protocol):
    """An instance of a pydantic model."""

    __pydantic_validator__: ClassVar[Any]


if TYPE_CHECKING:
    AnyEvent = Event | DataclassInstance | msgspec.Struct | AttrsInstance | PydanticInstance
else:
    AnyEvent = object
"""Any class that can be an event. Whether it is registered is only known when it is emitted."""
