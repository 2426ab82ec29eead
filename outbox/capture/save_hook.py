"""A save and its events in one transaction: the wrapper around ``save_base``.

Django sends post_save after the transaction of ``save_base``. In autocommit a receiver's INSERT would be a
second transaction, and a crash between the two would lose the event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.db import connections, router, transaction

from outbox.capture.committed import as_stored, read_again, read_before
from outbox.capture.returning import can_return, wrap_writes
from outbox.capture.watch import Watch
from outbox.errors import SaveLost
from outbox.write import transactions
from outbox.write.emit import insert_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model

    from outbox.write.row import NewRow


class SaveHook:
    """A running call of ``save_base``.

    What pre_save receivers return is built before the row is written, and is inserted after it: only then
    does this transaction hold the row's lock, which puts the events of one key in the order of their commits.
    ``previous`` is the row before the change, where a receiver asks for it.
    """

    def __init__(
        self,
        instance: Model,
        connection: BaseDatabaseWrapper,
        outer: SaveHook | None,
        previous: Any = None,
    ) -> None:
        self.instance = instance
        self.connection = connection
        self.outer = outer
        self.previous = previous
        self._new_rows: list[NewRow] = []
        self._row: dict[str, Any] = {}
        self._read: Mapping[str, Any] | None = None
        self._watch: Watch | None = None

    @property
    def using(self) -> str:
        return self.connection.alias

    @staticmethod
    def of(instance: object) -> SaveHook | None:
        """The innermost running save, if it is one of ``instance``."""
        hook = _running.get()
        return hook if hook is not None and hook.instance is instance else None

    def defer(self, new_rows: Iterable[NewRow]) -> None:
        self._new_rows += new_rows

    def take(self) -> list[NewRow]:
        """The deferred rows. The caller must insert them."""
        new_rows, self._new_rows = self._new_rows, []
        return new_rows

    def collect(self, values: Mapping[str, Any]) -> None:
        """Note the values that a statement wrote."""
        self._row.update(values)
        if self._is_whole():
            self._watch_row()

    def stored(self, *, read: bool) -> Any:
        """The instance with the row's values, from the write itself or read once more."""
        if self._read is None and not read and self._is_whole():
            return as_stored(self.instance, self._row)
        if self._read is None:
            self._read = read_again(self.instance, self.using)
            self._watch_row()
        return as_stored(self.instance, self._read)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.stop()

    def _is_whole(self) -> bool:
        return len(self._row) == len(self.instance._meta.concrete_fields)

    def _watch_row(self) -> None:
        if self._watch is None:
            self._watch = Watch(self.connection, type(self.instance), self._forget)

    def _forget(self) -> None:
        """Other code is about to write the row: read it again when it is needed."""
        self._row, self._read = {}, None


_running: ContextVar[SaveHook | None] = ContextVar("outbox_saving", default=None)

wants_row: Counter[type[Model] | None] = Counter()
"""How many receivers of post_save need the stored row, by model. None means all models."""

wants_previous: Counter[type[Model] | None] = Counter()
"""How many receivers need the row before the change."""


def _collector_of(instance: Model, using: str) -> SaveHook | None:
    hook, model = SaveHook.of(instance), type(instance)
    if hook is None or hook.using != using or not (wants_row.get(model) or wants_row.get(None)):
        return None
    return hook if can_return(model, using) else None


def guard(model: type[Model]) -> None:
    """Wrap ``save_base`` of a model, unless the model inherits one that is wrapped."""
    if not getattr(model.save_base, "guarded_by_outbox", False):
        setattr(model, "save_base", _guarded(model))  # noqa: B010
    wrap_writes(model, _collector_of)


def _guarded(model: type[Model]) -> Callable[..., Any]:
    own = model.__dict__.get("save_base")

    @wraps(model.save_base)
    def save_base(
        self: Model,
        raw: bool = False,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Any = None,
        **more: Any,
    ) -> Any:
        using = using or router.db_for_write(self.__class__, instance=self)
        parent: Any = super(model, self)
        original = own.__get__(self) if own else parent.save_base
        connection = connections[using]
        atomic = nullcontext() if transactions.is_open(connection) else _one_transaction(self, connection)
        with atomic, _saving(self, connection, may_exist=not force_insert):
            return original(
                raw=raw,
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields,
                **more,
            )

    setattr(save_base, "guarded_by_outbox", True)  # noqa: B010
    return save_base


@contextmanager
def _saving(instance: Model, connection: BaseDatabaseWrapper, *, may_exist: bool) -> Iterator[None]:
    outer = SaveHook.of(instance)
    if outer is not None and not instance._state.adding:
        # A receiver of post_save saves it again; the earlier events stay first.
        insert_on(outer.connection, outer.take())
    asked = wants_previous.get(type(instance)) or wants_previous.get(None)
    is_read = asked and may_exist and instance.pk is not None
    previous = read_before(instance, connection.alias) if is_read else None
    hook = SaveHook(instance, connection, _running.get(), previous)
    token = _running.set(hook)
    try:
        yield
        insert_on(connection, hook.take())
    finally:
        _running.reset(token)
        hook.close()


@contextmanager
def _one_transaction(instance: Model, connection: BaseDatabaseWrapper) -> Iterator[None]:
    """A transaction for a save in autocommit. Raises SaveLost if it will be rolled back although the save did
    not fail.
    """
    using = connection.alias
    with transaction.atomic(using=using):
        try:
            yield
        except RuntimeError as error:
            if "durable" in str(error):
                error.add_note(
                    f"(A receiver of {instance._meta.label} uses atomic(durable=True); outbox receivers put "
                    "each save() into a transaction. Do its work in transaction.on_commit(), or without "
                    "durable=True.)"
                )
            raise
        if transactions.is_doomed(connection):
            raise SaveLost(
                f"save() of {instance._meta.label} {instance.pk!r} wrote nothing to database {using!r}: its "
                "transaction is marked for rollback, because something (a receiver of pre_save or post_save, "
                "most likely) swallowed a database error. Let that error through, or put what may fail into "
                "a `transaction.atomic()` of its own."
            )
