from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from inbox.errors import UnknownConsumer

T = TypeVar("T", "ConsumerSettings", "Settings")
Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Names = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1)], ...], msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """One entry of ``INBOX["CONSUMERS"]``; names are as Kafka knows them, with the prefix.

    ``handlers``: the modules whose handlers it runs; none means all. ``batch_size``: events in one
    transaction. ``ignore``: types, or patterns such as ``shop.*``, that it skips on purpose.
    """

    name: str
    topics: Names
    group: str = ""
    handlers: tuple[str, ...] = ()
    batch_size: Positive = 500
    ignore: tuple[str, ...] = ()

    def ignores(self, type_: str) -> bool:
        """Whether events of this type are skipped without a word."""
        return any(fnmatchcase(type_, pattern) for pattern in self.ignore)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``settings.INBOX``. ``options`` are passed to the Kafka client.

    ``attempts``: how many failures that count against an event there are before somebody has to decide about
    it. ``handler_seconds``: how long a handler may take for one event before it is interrupted (0: no limit).
    ``transaction_idle_seconds``: how long it may take between two statements; the server ends the transaction
    then (0: no limit). ``other_databases``: those that handlers may write to although these writes are not
    rolled back with the event.
    """

    bootstrap_servers: Names
    consumers: Mapping[str, ConsumerSettings] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    topic_prefix: str = ""
    database: str = "default"
    attempts: Positive = 3
    retention_days: Positive = 30
    heartbeat_seconds: Seconds = 5.0
    shutdown_seconds: Seconds = 30.0
    handler_seconds: Annotated[float, msgspec.Meta(ge=0)] = 300.0
    other_databases: tuple[str, ...] = ()
    transaction_idle_seconds: Annotated[float, msgspec.Meta(ge=0)] = 30.0

    def consumer(self, name: str) -> ConsumerSettings:
        """The consumer of that name.

        Raises:
            UnknownConsumer: there is none; the message says which there are.
        """
        if name not in self.consumers:
            known = ", ".join(sorted(self.consumers)) or "none"
            raise UnknownConsumer(
                f"no consumer {name!r}{did_you_mean(name, self.consumers)} (INBOX has: {known})"
            )
        return self.consumers[name]


class InboxMisconfigured(ImproperlyConfigured):
    """``settings.INBOX`` cannot be used; ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@cache
def settings() -> Settings:
    """The inbox's settings.

    Raises:
        InboxMisconfigured: there are none, a key is unknown, or a value is not of its type.
    """
    return read(getattr(django_settings, "INBOX", None))


def read(raw: object) -> Settings:
    """Settings from the dict that ``raw`` should be."""
    problems: list[str] = []
    values = _values(raw, Settings, "INBOX", problems)
    prefix = values.get("topic_prefix", "")
    consumers = values.pop("consumers", {})
    if isinstance(consumers, Mapping):
        values["consumers"] = {
            str(name): _consumer(str(name), consumer, str(prefix), problems)
            for name, consumer in consumers.items()
        }
    else:
        problems.append("INBOX['CONSUMERS'] is not a dict of consumer names")
    read_settings = _convert(values, Settings, "INBOX", problems)
    if problems or read_settings is None:
        raise InboxMisconfigured(problems)
    return read_settings


def _consumer(name: str, raw: object, prefix: str, problems: list[str]) -> Any:
    where = f"INBOX['CONSUMERS'][{name!r}]"
    values = _values(raw, ConsumerSettings, where, problems, hidden={"name"})
    consumer = _convert({"name": name, **values}, ConsumerSettings, where, problems)
    if consumer is None:
        return {"name": name, "topics": ["-"]}
    return {
        "name": name,
        "topics": [prefix + topic for topic in consumer.topics],
        "group": prefix + (consumer.group or name),
        "handlers": consumer.handlers,
        "batch_size": consumer.batch_size,
        "ignore": consumer.ignore,
    }


def _values(
    raw: object, kind: type, where: str, problems: list[str], hidden: frozenset[str] | set[str] = frozenset()
) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        problems.append(f"{where} is not a dict")
        return {}
    known = {f.name.upper(): f.name for f in fields(kind) if f.name not in hidden}
    for key in raw:
        if key not in known:
            problems.append(f"{where} has no key {key!r}{did_you_mean(str(key), known)}")
    return {known[key]: value for key, value in raw.items() if key in known}


def _convert(values: dict[str, Any], kind: type[T], where: str, problems: list[str]) -> T | None:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        message = str(error)
        for f in fields(kind):
            message = message.replace(f"`{f.name}`", f.name.upper()).replace(
                f"$.{f.name}", f"{where}[{f.name.upper()!r}]"
            )
        problems.append(f"{where}: {message}")
        return None


def did_you_mean(name: str, known: Mapping[str, object]) -> str:
    """``, did you mean 'x'?`` or nothing."""
    close = get_close_matches(name.upper(), [k.upper() for k in known], n=1, cutoff=0.6)
    return f", did you mean {next(k for k in known if k.upper() == close[0])!r}?" if close else ""


def _forget(*, setting: str, **_: object) -> None:
    if setting == "INBOX":
        settings.cache_clear()


setting_changed.connect(_forget)
