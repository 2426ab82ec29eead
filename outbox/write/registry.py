"""Which classes are events: ``@outbox.event`` and the registry behind it."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from operator import attrgetter
from types import FrameType
from typing import Any, TypeVar, cast
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured

from outbox.declared import compiled, wire_names
from outbox.declared.fields import is_root
from outbox.errors import UnknownEventType
from outbox.write.attributes import check_name
from outbox_core.suggestion import did_you_mean

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., object])
Getter = Callable[[Any], object]

_TYPE = re.compile(r"[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*")
_URI = re.compile(r"[\x21-\x7e]+")
_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """The options of ``@outbox.event`` for a class. ``key`` names a field, or computes the key
    from an event.
    """

    name: str
    cls: type
    topic: str
    key: str | Getter
    version: int = 1
    subject: str | Getter | None = None
    serialize: bool = False
    tombstone: bool = False
    dataschema: str | None = None
    attributes: Mapping[str, str | Getter] = dataclasses.field(default_factory=dict)
    wire_names: Mapping[str, str] = dataclasses.field(init=False, repr=False)
    key_of: Getter = dataclasses.field(init=False, repr=False)
    subject_of: Getter = dataclasses.field(init=False, repr=False)
    attribute_getters: Mapping[str, Getter] = dataclasses.field(init=False, repr=False)
    module_spec: object = dataclasses.field(init=False, repr=False)
    """The one under which its module was loaded; importlib gives a reloaded module a new one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wire_names", _wire_names(self.cls))
        module = sys.modules.get(self.cls.__module__)
        object.__setattr__(self, "module_spec", getattr(module, "__spec__", None))
        object.__setattr__(self, "key_of", self._getter("key", self.key))
        object.__setattr__(
            self,
            "subject_of",
            _no_subject if self.subject is None else self._getter("subject", self.subject),
        )
        object.__setattr__(self, "attribute_getters", self._attribute_getters())
        if not (isinstance(self.name, str) and _TYPE.fullmatch(self.name) and len(self.name) <= 255):
            raise self._wrong(
                f"type name {self.name!r}",
                "words of a-z A-Z 0-9 _ - joined by dots, such as 'shop.order.placed'",
            )
        if not is_topic(self.topic):
            raise self._wrong(f"topic {self.topic!r}", "1 to 249 of a-z A-Z 0-9 . _ -")
        if type(self.version) is not int or self.version < 1:
            raise self._wrong(f"version {self.version!r}", "a whole number, 1 or more")
        uri = self.dataschema
        if uri is not None and not (isinstance(uri, str) and _URI.fullmatch(uri)):
            raise self._wrong(f"dataschema {uri!r}", "a URI, of printable ASCII characters")
        for option in ("serialize", "tombstone"):
            if type(getattr(self, option)) is not bool:
                raise self._wrong(f"{option} {getattr(self, option)!r}", "True or False")

    def as_written(self, source: str | Getter, value: object, written: Mapping[str, object]) -> object:
        """The value of a field as key, subject or attribute: text is replaced by its form in JSON."""
        if type(value) is int or type(value) is UUID:
            return value
        name = self.wire_names.get(source) if isinstance(source, str) else None
        if name is None or name not in written:
            return value
        plain = written[name]
        return plain if isinstance(value, str) or isinstance(plain, int | UUID) else value

    def _getter(self, role: str, source: object) -> Getter:
        if callable(source):
            return source
        names = self.wire_names
        if isinstance(source, str) and (
            source in names or isinstance(getattr(self.cls, source, None), property)
        ):
            return attrgetter(source)
        raise self._wrong(
            f"{role} {source!r}", f"one of its fields ({', '.join(names)}), or a function of the event"
        )

    def _attribute_getters(self) -> Mapping[str, Getter]:
        if not isinstance(self.attributes, Mapping):
            raise self._wrong(f"attributes {self.attributes!r}", "a dict, such as {'tenant': 'tenant_id'}")
        try:
            for name in self.attributes:
                check_name(name)
        except ValueError as error:
            raise ImproperlyConfigured(f"@outbox.event of {_path(self.cls)}: {error}") from None
        return {name: self._getter(f"attribute {name}", of) for name, of in self.attributes.items()}

    def _wrong(self, what: str, allowed: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(
            f"@outbox.event of {self.cls.__module__}.{self.cls.__qualname__}: {what} is not allowed; use "
            f"{allowed}."
        )


class Registry:
    """The event types of this process, by class and by name."""

    def __init__(self) -> None:
        self._by_class: dict[type, EventType] = {}
        self._by_name: dict[str, EventType] = {}

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._by_name.values())

    def __contains__(self, cls: object) -> bool:
        return cls in self._by_class

    def __getitem__(self, cls: type) -> EventType:
        return self._by_class[cls]

    def add(self, event_type: EventType) -> None:
        """Raises ImproperlyConfigured for a name or a class that is taken. A class of a module that is
        reloaded, as in a shell, takes the name of the earlier one, whose events can still be written.
        """
        other = self._by_name.get(event_type.name) or self._by_class.get(event_type.cls)
        if other is not None and not _is_reloaded(other, event_type):
            raise ImproperlyConfigured(
                f"@outbox.event({event_type.name!r}) of {_path(event_type.cls)}: {_path(other.cls)} is "
                f"registered as {other.name!r} already. One class has one type and one type one class; "
                "another version gets a name of its own."
            )
        self._by_class[event_type.cls] = event_type
        self._by_name[event_type.name] = event_type

    def remove(self, cls: type) -> None:
        """Forget a class, for tests that registered one."""
        name = self._by_class[cls].name
        del self._by_name[name]
        self._by_class = {each: known for each, known in self._by_class.items() if known.name != name}

    def of(self, event: object) -> EventType:
        """The type of an event; raises UnknownEventType."""
        try:
            return self._by_class[type(event)]
        except KeyError:
            raise UnknownEventType(self._explain(type(event))) from None

    def named(self, wanted: str | type) -> EventType:
        """The type of a name or a class; raises UnknownEventType."""
        if isinstance(wanted, str):
            if wanted in self._by_name:
                return self._by_name[wanted]
            hint = did_you_mean(wanted, self._by_name)
            raise UnknownEventType(f"No event type {wanted!r} is registered here. {hint}".rstrip())
        if isinstance(wanted, type) and wanted in self._by_class:
            return self._by_class[wanted]
        raise UnknownEventType(self._explain(wanted if isinstance(wanted, type) else type(wanted)))

    def _explain(self, cls: type) -> str:
        message = (
            f"{_path(cls)} is not an event: decorate the class with @outbox.event(type, topic=…, key=…)."
        )
        if _path(cls) in {_path(known) for known in self._by_class}:
            message += (
                " (@outbox.event has to stand above @dataclass: with slots=True that makes a new class.)"
            )
        return message


registry = Registry()


def _with_arguments(decorator: F) -> F:
    """Make the decorator raise an error that says what is missing if it is used without arguments."""

    @wraps(decorator)
    def with_arguments(*arguments: Any, **options: Any) -> Any:
        if any(isinstance(argument, type) for argument in arguments):
            raise ImproperlyConfigured(
                f"@outbox.event of {_path(arguments[0])} lacks its arguments: write "
                "@outbox.event('app.thing.done', topic=…, key=…)."
            )
        return decorator(*arguments, **options)

    return cast("F", with_arguments)


@_with_arguments
def event(
    type: str,
    /,
    *,
    topic: str,
    key: str | Getter,
    version: int = 1,
    subject: str | Getter | None = None,
    serialize: bool = False,
    tombstone: bool = False,
    dataschema: str | None = None,
    attributes: Mapping[str, str | Getter] | None = None,
) -> Callable[[C], C]:
    """Register a dataclass, msgspec.Struct, attrs or pydantic class as an event type.

    ``key`` names the field whose text becomes the Kafka key, or computes it. Events with the same key stay in
    order. ``serialize`` makes the writers of one key wait for each other. It is for keys whose row they do
    not lock. ``tombstone`` writes the event without a payload, which removes its key from a compacted topic.
    ``version`` and ``dataschema`` travel along as CloudEvents attributes, and so do ``attributes``: by the
    name of each, the field that holds its value (or a function of the event): ``{"tenant": "tenant_id"}``.

    Raises ImproperlyConfigured for an invalid name, topic or field, and for a type that is already
    registered.
    """

    def register(cls: C) -> C:
        _compile_here(cls)
        registry.add(
            EventType(
                name=type,
                cls=cls,
                topic=topic,
                key=key,
                version=version,
                subject=subject,
                serialize=serialize,
                tombstone=tombstone,
                dataschema=dataschema,
                attributes=attributes or {},
            )
        )
        return cls

    return register


def is_topic(name: object) -> bool:
    """Whether Kafka allows a topic of this name (org.apache.kafka.common.internals.Topic)."""
    return isinstance(name, str) and _TOPIC.fullmatch(name) is not None and name not in {".", ".."}


def _no_subject(event: object) -> None:
    return None


def _compile_here(cls: type) -> None:
    """Compile a class that is defined in a function, because only here its annotations can be resolved."""
    if "<locals>" in cls.__qualname__:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_globals.get("__name__", "").startswith("outbox."):
            frame = frame.f_back
        with suppress(ImproperlyConfigured, TypeError):  # reported when an event is emitted, and by the check
            compiled(cls, dict(frame.f_locals) if frame is not None else None)


def _wire_names(cls: type) -> Mapping[str, str]:
    if is_root(cls):
        raise ImproperlyConfigured(
            f"@outbox.event: {_path(cls)} is a RootModel, which has no fields. Make it a field "
            "of a BaseModel."
        )
    try:
        return wire_names(cls)
    except TypeError as error:
        raise ImproperlyConfigured(
            f"@outbox.event: {error} (@outbox.event has to stand above @dataclass.)"
        ) from None


def _is_reloaded(earlier: EventType, later: EventType) -> bool:
    specs = earlier.module_spec, later.module_spec
    return None not in specs and specs[0] is not specs[1] and _path(earlier.cls) == _path(later.cls)


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
