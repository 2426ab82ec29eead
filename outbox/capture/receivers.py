"""``@outbox.receiver``: the event that a function returns is written in the transaction of the signal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial, update_wrapper
from inspect import iscoroutinefunction
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.core import signals as core_signals
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model, signals
from django.db.models.signals import (
    ModelSignal,
    class_prepared,
    post_migrate,
    post_save,
    pre_migrate,
    pre_save,
)
from django.db.models.utils import make_model_tuple
from django.dispatch import Signal
from django.utils.inspect import func_accepts_kwargs

from outbox.capture import outside
from outbox.capture.committed import as_stored, read_again
from outbox.capture.save_hook import SaveHook, guard, wants_previous, wants_row
from outbox.capture.senders import is_of_migrations, is_reached, reached
from outbox.declared.fields import has_fields
from outbox.errors import OutboxError
from outbox.log import tables
from outbox.write import transactions
from outbox.write.emit import insert
from outbox.write.registry import registry
from outbox.write.row import NewRow

if TYPE_CHECKING:
    from uuid import UUID

    from outbox.write.event_class import AnyEvent

    Returned = AnyEvent | Iterable[AnyEvent] | None

F = TypeVar("F", bound=Callable[..., "Returned"])

logger = logging.getLogger("outbox")

NO_TABLES = "Database %r has no outbox yet: %r is not called for %s. Run `manage.py migrate outbox` first."


class Receiver:
    """A function connected to signals. Django calls it as any receiver; it returns the ids of its events."""

    __name__: str
    __qualname__: str

    def __init__(
        self,
        function: Callable[..., object],
        *,
        dispatch_uid: Hashable = None,
        raw: bool = False,
        using: str = DEFAULT_DB_ALIAS,
        refresh: bool | None = None,
        previous: bool = False,
    ) -> None:
        self.__qualname__ = repr(function)
        update_wrapper(self, function)
        self.function = function
        self.raw = raw
        self.using = using
        self.refresh = refresh
        self.previous = previous
        self.uid = dispatch_uid or function
        self._senders: list[tuple[Signal, type[Model]]] = []
        self._connected: list[tuple[Signal, object]] = []
        registered.append(self)

    def __repr__(self) -> str:
        return f"<outbox receiver {self.function.__module__}.{self.__qualname__}>"

    def __call__(self, *, signal: Signal, sender: object, **kwargs: Any) -> list[UUID]:
        if (kwargs.get("raw") and not self.raw) or is_of_migrations(sender):
            return []
        using = kwargs.get("using") or self.using
        if signal in (pre_save, post_save):
            hook = SaveHook.of(kwargs["instance"])
            if hook is not None:
                return self._of_save(hook, signal=signal, sender=sender, **kwargs)
            if signal is post_save:
                kwargs["instance"] = self._stored(None, kwargs["instance"], using)
            if kwargs.get("raw"):  # a fixture is loaded past the wrapper of save_base
                return insert(self.new_rows(signal=signal, sender=sender, **kwargs), using)
        new_rows = partial(self.new_rows, signal=signal, sender=sender, **kwargs)
        if signal in (pre_migrate, post_migrate) and not tables.exist(using):
            self._skip_without_tables(signal, using)
            return []
        return self._of_other_signal(signal, using, new_rows)

    def _skip_without_tables(self, signal: Signal, using: str) -> None:
        name = name_of(signal)
        logger.warning(
            NO_TABLES,
            *(using, self, name),
            extra={
                "action": "outbox.tables_missing",
                "database": using,
                "receiver": repr(self),
                "signal": name,
            },
        )

    def new_rows(self, *, signal: Signal, sender: object, **kwargs: Any) -> list[NewRow]:
        """The events that the function returns for a signal, ready to insert."""
        if self.previous:
            kwargs.setdefault("previous", None)
        else:
            kwargs.pop("previous", None)
        try:
            events = self.function(signal=signal, sender=sender, **kwargs)
            return [NewRow.of(event) for event in _several(events)]
        except OutboxError as error:
            error.add_note(
                f"(An event of {self!r} for {name_of(signal)} of {getattr(sender, '__name__', sender)}.)"
            )
            raise

    def receives(self, signal: Signal, sender: object) -> bool:
        return (signal, sender) in self._connected or (signal, None) in self._connected

    @property
    def connections(self) -> Sequence[tuple[Signal, object]]:
        """The signals it is connected to, each with a sender (None: all)."""
        return tuple(self._connected)

    def models(self, *of: Signal) -> list[type[Model]]:
        """The models whose signals it receives; with ``of``, only of those signals."""
        found = (sender for signal, sender in self._connected if not of or signal in of)
        models = [sender for sender in found if isinstance(sender, type) and issubclass(sender, Model)]
        return list(dict.fromkeys(models))

    def connect(self, signal: Signal, sender: object) -> None:
        """Receive the signals of ``sender``. A model may be named ``"app.Model"``."""
        if not isinstance(signal, ModelSignal) or sender is None:
            self._attach(signal, sender)
        elif isinstance(sender, str):
            apps.lazy_model_operation(partial(self._connect_model, signal), make_model_tuple(sender))
        elif isinstance(sender, type) and issubclass(sender, Model):
            self._connect_model(signal, sender)
        else:
            raise ImproperlyConfigured(
                f"{self!r}: sender {sender!r} of {name_of(signal)} is neither a model nor 'app.Model'."
            )

    def disconnect(self) -> None:
        """Disconnect from all signals, for tests that registered a receiver."""
        for signal, sender in self._connected:
            signal.disconnect(sender=sender, dispatch_uid=self.uid)
            self._count(signal, sender, -1)
        registered.remove(self)

    def prepared(self, model: type[Model]) -> None:
        """Connect to a model class that was created after its parent was connected."""
        for signal, sender in self._senders:
            if is_reached(signal, sender, model):
                self._attach(signal, model)

    def _connect_model(self, signal: Signal, sender: type[Model]) -> None:
        self._senders.append((signal, sender))
        for model in reached(signal, sender):
            self._attach(signal, model)

    def _attach(self, signal: Signal, sender: Any) -> None:
        if any(other.uid == self.uid and other.receives(signal, sender) for other in registered):
            return
        signal.connect(self, sender=sender, weak=False, dispatch_uid=self.uid)
        self._connected.append((signal, sender))
        if signal in (pre_save, post_save):
            guard(sender or Model)
            self._count(signal, sender, +1)

    def _count(self, signal: Signal, sender: Any, by: int) -> None:
        if signal is post_save and self.refresh is None:
            wants_row[sender] += by
        if signal in (pre_save, post_save) and self.previous:
            wants_previous[sender] += by

    def _of_save(self, hook: SaveHook, *, signal: Signal, instance: Model, **kwargs: Any) -> list[UUID]:
        if signal is pre_save:
            new_rows = self.new_rows(signal=signal, instance=instance, previous=hook.previous, **kwargs)
            hook.defer(new_rows)
        else:
            insert(hook.take(), hook.using)  # before the function runs: it may save the instance again
            stored = self._stored(hook, instance, hook.using)
            new_rows = self.new_rows(signal=signal, instance=stored, previous=hook.previous, **kwargs)
            insert(new_rows, hook.using)
        return [new_row.event_id for new_row in new_rows]

    def _stored(self, hook: SaveHook | None, instance: Model, using: str) -> Model:
        """The instance with the values of the stored row. If nothing differs, it is the caller's own
        instance.
        """
        if self.refresh is False:
            return instance
        stored: Model = (
            hook.stored(read=self.refresh is True)
            if hook
            else as_stored(instance, read_again(instance, using))
        )
        return stored

    def _of_other_signal(
        self, signal: Signal, using: str, new_rows: Callable[[], list[NewRow]]
    ) -> list[UUID]:
        connection = connections[using]
        was_closed = connection.connection is None
        if transactions.is_open(connection):
            return insert(new_rows(), using)
        outside.warn_or_refuse(signal, name_of(signal), self, using)
        with transaction.atomic(using=using):
            event_ids = insert(new_rows(), using)
        if signal is request_finished and was_closed:
            connection.close()  # as it was before; under ASGI no other code would ever close it
        return event_ids


registered: list[Receiver] = []


def receiver(
    signal: Signal | Sequence[Signal],
    *,
    sender: object = None,
    dispatch_uid: Hashable = None,
    raw: bool = False,
    using: str = DEFAULT_DB_ALIAS,
    refresh: bool | None = None,
    previous: bool = False,
) -> Callable[[F], F]:
    """Write the events that the decorated function returns for a signal: one, several, or None for nothing.

    Takes what ``django.dispatch.receiver`` takes: one signal or several, one ``sender`` or several,
    ``"app.Model"``. A model stands for its proxies and its children too, an abstract one for all of its
    children. With ``raw=True`` the function is also called for loaded fixtures. Events go to the database
    that the signal names, or to ``using`` if it names none; inside its transaction, or, where the signal is
    sent outside of one, in a transaction together with what the function writes (see
    OUTBOX["OUTSIDE_TRANSACTION"]).

    A receiver of post_save gets the row as the database holds it: the instance itself, or a copy where a
    value that was assigned differs. ``refresh=True`` always reads the row again, which shows what a trigger
    that runs after the write did; ``refresh=False`` gives the instance as it was assigned. With
    ``previous=True`` the function also gets ``previous``: the row before the save, locked, or None for a new
    one.

    Raises ImproperlyConfigured for signals and senders that cannot be used.
    """
    _refuse_a_function(signal)
    wanted: Sequence[Any] = signal if isinstance(signal, list | tuple) else [signal]
    senders = sender if isinstance(sender, list | tuple) else [sender]
    if not wanted or not senders:
        raise ImproperlyConfigured("@outbox.receiver of no signal, or of no sender, would never be called.")

    def connect(function: F) -> F:
        _check(function, wanted)
        if previous and not all(each in (pre_save, post_save) for each in wanted):
            raise ImproperlyConfigured(
                f"@outbox.receiver of {function!r}: previous=True is for pre_save and post_save only."
            )
        connected = Receiver(
            function, dispatch_uid=dispatch_uid, raw=raw, using=using, refresh=refresh, previous=previous
        )
        for each in wanted:
            for one in senders:
                connected.connect(each, one)
        return function

    return connect


def receivers_of(signal: Signal, model: type[Model]) -> list[Receiver]:
    """The receivers of a signal of a model, in the order in which Django calls them."""
    return [receiver for receiver in registered if receiver.receives(signal, model)]


def name_of(signal: Signal) -> str:
    """What a signal is called where it is made: post_save, or shop.signals.order_placed."""
    known = {**vars(signals), **vars(core_signals)}
    return next((name for name, value in known.items() if value is signal), None) or _path_of(signal)


@lru_cache(maxsize=64)
def _path_of(signal: Signal) -> str:
    """The module and name of a signal; its repr if no module has it."""
    paths = [
        f"{module}.{name}"
        for module, loaded in list(sys.modules.items())
        for name, value in list(vars(loaded).items() if isinstance(loaded, ModuleType) else ())
        if value is signal
    ]
    return min(paths, key=lambda path: (".signals." not in path, len(path)), default=repr(signal))


def _several(events: object) -> Iterator[object]:
    if events is None:
        return
    cls = type(events)
    is_one = cls in registry or isinstance(events, str | bytes | Mapping) or has_fields(cls)
    yield from events if isinstance(events, Iterable) and not is_one else [events]


def _refuse_a_function(signal: object) -> None:
    if isinstance(signal, FunctionType | type):
        raise ImproperlyConfigured(
            f"@outbox.receiver of {signal.__module__}.{signal.__qualname__} has no parentheses: name the "
            "signal, as in @outbox.receiver(post_save, sender=Order)."
        )


def _check(function: Callable[..., object], wanted: Iterable[object]) -> None:
    name = getattr(function, "__qualname__", repr(function))
    if iscoroutinefunction(function):
        raise ImproperlyConfigured(
            f"@outbox.receiver: {name} is async, but an event is written in a transaction: use a plain def."
        )
    if not func_accepts_kwargs(function):
        raise ImproperlyConfigured(
            f"@outbox.receiver: {name} must accept **kwargs, as every receiver of a signal."
        )
    for signal in wanted:
        if not isinstance(signal, Signal):
            raise ImproperlyConfigured(f"@outbox.receiver of {name}: {signal!r} is no signal.")


def _connect_new_model(sender: type[Model], **kwargs: object) -> None:
    for each in registered:
        each.prepared(sender)


class_prepared.connect(_connect_new_model)
