"""Receivers of signals: the events that a function returns are written in the transaction of the signal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial, update_wrapper
from inspect import signature
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model
from django.db.models.signals import (
    ModelSignal,
    class_prepared,
    post_delete,
    post_migrate,
    post_save,
    pre_delete,
    pre_migrate,
    pre_save,
)
from django.db.models.utils import make_model_tuple
from django.dispatch import Signal

from outbox.capture import outside
from outbox.capture.committed import as_stored, read_again
from outbox.capture.delete_hook import deleted, guard_deletions, wants_deleted_row, wants_row_before_delete
from outbox.capture.save_hook import SaveHook, guard, wants_previous, wants_row
from outbox.capture.senders import belongs_to, is_of_migrations, models_of
from outbox.capture.signal_names import name_of
from outbox.declared.fields import has_fields
from outbox.errors import OutboxError
from outbox.log import tables
from outbox.write import transactions
from outbox.write.emit import insert, insert_on
from outbox.write.registry import registry
from outbox.write.row import NewRow

if TYPE_CHECKING:
    from uuid import UUID

    from outbox.write.event_class import AnyEvent

    Returned = AnyEvent | Iterable[AnyEvent] | None


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
        self._spec = getattr(function, "__globals__", {}).get("__spec__")
        self._senders: list[tuple[Signal, type[Model]]] = []
        self._connected: list[tuple[Signal, object]] = []
        self.kept_out: list[tuple[Signal, Receiver]] = []
        """Signals that go to another receiver of the same dispatch_uid instead."""
        self._replace_reloaded()
        registered.append(self)

    def __repr__(self) -> str:
        return f"<outbox receiver {self.path}>"

    @property
    def path(self) -> str:
        """Its dotted path: ``shop.receivers.order_saved``."""
        return f"{self.function.__module__}.{self.__qualname__}"

    @property
    def takes_backfill(self) -> bool:
        """Whether its signature names ``backfill``; ``**kwargs`` alone does not count."""
        return "backfill" in signature(self.function).parameters

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
        elif signal in (pre_delete, post_delete):
            row = kwargs["instance"] if self.refresh is False else deleted(kwargs["instance"], signal)
            if row is None:
                return []
            kwargs["instance"] = row
        elif self.refresh is True and isinstance(kwargs.get("instance"), Model):
            kwargs["instance"] = self._stored(None, kwargs["instance"], using)
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

    @property
    def senders(self) -> Sequence[tuple[Signal, type[Model]]]:
        """The models that it names, each with a signal; without their proxies and children."""
        return tuple(self._senders)

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
        elif isinstance(sender, type) and issubclass(sender, Model) and sender is not Model:
            self._connect_model(signal, sender)
        else:
            raise ImproperlyConfigured(
                f"{self!r}: sender {sender!r} of {name_of(signal)} is neither a model nor 'app.Model'. "
                "Without a sender it receives the signals of all models."
            )

    def disconnect(self) -> None:
        """Disconnect from all signals, for tests that registered a receiver."""
        for signal, sender in self._connected:
            signal.disconnect(sender=sender, dispatch_uid=self.uid)
            self._count(signal, sender, -1)
        registered.remove(self)

    def _replace_reloaded(self) -> None:
        """A function of a module that is reloaded, as in a shell, takes the place of the earlier one:
        importlib gives the module a new spec.
        """
        if self._spec is None or "<" in self.__qualname__:
            return
        for other in list(registered):
            if other.path == self.path and other._spec is not self._spec:
                other.disconnect()

    def prepared(self, model: type[Model]) -> None:
        """Connect to a new model class if it belongs to a sender."""
        for signal, sender in self._senders:
            if belongs_to(signal, sender, model):
                self._attach(signal, model)

    def _connect_model(self, signal: Signal, sender: type[Model]) -> None:
        self._senders.append((signal, sender))
        for model in models_of(signal, sender):
            self._attach(signal, model)

    def _attach(self, signal: Signal, sender: Any) -> None:
        for other in registered:
            if other.uid == self.uid and other.receives(signal, sender):
                self.kept_out.append((signal, other))
                return
        signal.connect(self, sender=sender, weak=False, dispatch_uid=self.uid)
        self._connected.append((signal, sender))
        if signal in (pre_save, post_save):
            guard(sender or Model)
        if signal in (pre_delete, post_delete):
            guard_deletions()
        self._count(signal, sender, +1)

    def _count(self, signal: Signal, sender: Any, by: int) -> None:
        if signal is post_save and self.refresh is None:
            wants_row[sender] += by
        if signal in (pre_save, post_save) and self.previous:
            wants_previous[sender] += by
        if signal is pre_delete and self.refresh is not False:
            wants_row_before_delete[sender] += by
        if signal is post_delete and self.refresh is not False:
            wants_deleted_row[sender] += by

    def _of_save(self, hook: SaveHook, *, signal: Signal, instance: Model, **kwargs: Any) -> list[UUID]:
        if signal is pre_save:
            new_rows = self.new_rows(signal=signal, instance=instance, previous=hook.previous, **kwargs)
            hook.defer(new_rows)
        else:
            insert_on(hook.connection, hook.take())  # before the function runs: it may save again
            stored = self._stored(hook, instance, hook.using)
            new_rows = self.new_rows(signal=signal, instance=stored, previous=hook.previous, **kwargs)
            insert_on(hook.connection, new_rows)
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
        is_open = transactions.is_open(connection)
        if not is_open or transactions.is_only_of_test(connection):
            outside.warn_or_refuse(signal, name_of(signal), self, using)
        if is_open:
            return insert(new_rows(), using)
        with transaction.atomic(using=using):
            event_ids = insert(new_rows(), using)
        if signal is request_finished and was_closed:
            connection.close()  # as it was before; under ASGI no other code would ever close it
        return event_ids


registered: list[Receiver] = []


def receivers_of(signal: Signal, model: type[Model]) -> list[Receiver]:
    """The receivers of a signal of a model, in the order in which Django calls them."""
    return [receiver for receiver in registered if receiver.receives(signal, model)]


def _several(events: object) -> Iterator[object]:
    if events is None:
        return
    cls = type(events)
    is_one = cls in registry or isinstance(events, str | bytes | Mapping) or has_fields(cls)
    yield from events if isinstance(events, Iterable) and not is_one else [events]


def _connect_new_model(sender: type[Model], **kwargs: object) -> None:
    for each in registered:
        each.prepared(sender)


class_prepared.connect(_connect_new_model)
