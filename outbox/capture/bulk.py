"""A bulk write and its events: the same events as if each row were saved alone."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.db.models import Model, QuerySet
from django.db.models.signals import post_save, pre_save

from outbox.capture.committed import as_stored, key_of, read_again
from outbox.capture.grants import naming_grants
from outbox.capture.receivers import receivers_of
from outbox.errors import CannotCapture
from outbox.write.emit import insert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from django.dispatch import Signal

    from outbox.write.row import NewRow

CHUNK = 500


class Bulk:
    """A write to the rows of ``queryset``."""

    def __init__(self, queryset: Any) -> None:
        queryset._for_write = True
        self._queryset: QuerySet[Any] = queryset
        self._model: type[Model] = queryset.model
        self._using: str = queryset.db

    @property
    def has_receivers(self) -> bool:
        """Whether any receiver would return events for a save of this model."""
        return bool(receivers_of(pre_save, self._model) or receivers_of(post_save, self._model))

    def create(self, instances: list[Any], batch_size: int | None) -> list[Any]:
        with transaction.atomic(using=self._using):
            for chunk in _chunks(instances):
                new_rows = self._new_rows(pre_save, chunk)
                self._plain().bulk_create(chunk, batch_size)
                self._require_keys(chunk)
                new_rows += self._new_rows(post_save, self._stored(chunk), created=True)
                insert(new_rows, self._using)
        return instances

    def _require_keys(self, instances: Sequence[Model]) -> None:
        """Django does not always bring back the primary keys that a db_default gave."""
        if any(hasattr(instance.pk, "resolve_expression") for instance in instances):
            raise CannotCapture(
                f"bulk_create() of {self._model._meta.label}: the database gives its primary keys "
                "(db_default), and Django does not return them, so the rows are unknown to their events. "
                "Give the field a default=, or save the rows one by one."
            )

    def update_each(self, instances: list[Any], fields: list[str], batch_size: int | None) -> int:
        with transaction.atomic(using=self._using):
            pks = self._lock(self._queryset.filter(pk__in=[instance.pk for instance in instances]))
            locked = {self._key(pk) for pk in pks}
            matching = [instance for instance in instances if self._key(instance.pk) in locked]
            before = self._before(pks)
            new_rows = self._new_rows(pre_save, matching, before, update_fields=frozenset(fields))
            rows = self._plain().bulk_update(instances, fields, batch_size)
            insert(new_rows, self._using)
            for chunk in _chunks(pks):
                self._announce_updated(chunk, before, frozenset(fields))
        return rows

    def update(self, values: Mapping[str, Any]) -> int:
        options = self._model._meta
        fields = [options.get_field(name) for name in values if name != "pk"]
        if len(fields) < len(values) or any(field in options.pk_fields for field in fields):
            raise CannotCapture(
                f"update() of the primary key of {options.label}: its rows cannot be found again "
                "for their events. Save a new row and delete the old one."
            )
        names = frozenset(field.name for field in fields)
        with transaction.atomic(using=self._using):
            pks = self._lock(self._queryset)
            if not pks:
                self._write(pks, values)  # refuses what Django refuses, without a query
            for part in _parts(pks, values):
                before = self._before(part)
                changing = self._about_to_be(part, values)
                new_rows = self._new_rows(pre_save, changing, before, update_fields=names)
                self._write(part, values)
                insert(new_rows, self._using)
                for chunk in _chunks(part):
                    self._announce_updated(chunk, before, names)
        return len(pks)

    def _write(self, pks: Sequence[Any], values: Mapping[str, Any]) -> None:
        """Change locked rows, without the filter: it may not match any more. Annotations are kept."""
        rows = self._plain() if self._queryset.query.annotations else QuerySet(self._model, using=self._using)
        written = rows.filter(pk__in=pks).update(**values)
        if written != len(pks):
            raise CannotCapture(
                f"update() of {self._model._meta.label}: {len(pks)} rows matched and {written} were written, "
                "because rows that the filter looks at were changed meanwhile. Try again, or lock those rows "
                "first."
            )

    def _lock(self, queryset: QuerySet[Any]) -> list[Any]:
        """Lock rows in the order of their primary keys, as UPDATE does (NO KEY), parents before children."""
        for parent in self._parents():
            ids = queryset.order_by().values_list(parent._meta.pk.name, flat=True)
            rows: QuerySet[Any] = QuerySet(parent, using=self._using)
            _lock_rows(rows.filter(pk__in=list(ids)))
        query = queryset.query
        if not (query.distinct or query.group_by or query.annotations or _has_schema(self._model)):
            return _lock_rows(queryset)
        matching = self._rows(queryset.order_by().values("pk"))
        _lock_rows(matching)
        return list(
            matching.values_list("pk", flat=True)
        )  # what still matches: no other session can change it now

    def _parents(self) -> list[type[Model]]:
        own, parents = self._model._meta.concrete_model, self._model._meta.all_parents
        return [parent for parent in reversed(parents) if parent._meta.concrete_model is not own]

    def _key(self, pk: Any) -> tuple[Any, ...]:
        return key_of(self._model, pk)

    def _plain(self) -> QuerySet[Any]:
        """The same query, but its writes are not captured."""
        return QuerySet(self._model, query=self._queryset.query.chain(), using=self._using)

    def _rows(self, pks: Sequence[Any] | QuerySet[Any]) -> QuerySet[Any]:
        """The rows, read without a manager of the model, which might hide what was just written."""
        rows: QuerySet[Any] = QuerySet(self._model, using=self._using)
        return rows.filter(pk__in=pks).order_by("pk")

    def _about_to_be(self, pks: Sequence[Any], values: Mapping[str, Any]) -> Iterator[Model]:
        """The rows as a pre_save receiver sees them: changed in memory, not yet in the database."""
        if not receivers_of(pre_save, self._model):
            return
        for instance in self._rows(pks):
            for name, value in values.items():
                field = self._model._meta.get_field(name)
                attribute = field.name if isinstance(value, Model) else getattr(field, "attname", name)
                setattr(instance, attribute, value)
            yield instance

    def _stored(self, instances: Sequence[Model]) -> Iterator[Model]:
        """New rows as the database holds them. They are not read if every receiver says ``refresh=False``."""
        if all(receiver.refresh is False for receiver in receivers_of(post_save, self._model)):
            yield from instances
            return
        rows = {self._key(row.pk): row for row in self._rows([instance.pk for instance in instances])}
        names = [field.attname for field in self._model._meta.concrete_fields]
        for instance in instances:
            row = rows.get(self._key(instance.pk))
            values = {name: getattr(row, name) for name in names} if row else None
            yield as_stored(instance, values or read_again(instance, self._using))

    def _before(self, pks: Sequence[Any]) -> dict[Any, Model]:
        """The locked rows before the change, if a receiver asks for them."""
        receivers = [*receivers_of(pre_save, self._model), *receivers_of(post_save, self._model)]
        if not any(each.previous for each in receivers):
            return {}
        return {self._key(row.pk): row for row in self._rows(pks)}

    def _announce_updated(
        self, pks: Sequence[Any], before: Mapping[Any, Model], fields: frozenset[str]
    ) -> None:
        new_rows = self._new_rows(post_save, self._rows(pks), before, created=False, update_fields=fields)
        insert(new_rows, self._using)

    def _new_rows(
        self,
        signal: Signal,
        instances: Iterable[Model],
        before: Mapping[Any, Model] = MappingProxyType({}),
        **kwargs: Any,
    ) -> list[NewRow]:
        receivers = receivers_of(signal, self._model)
        common = {"raw": False, "using": self._using, "update_fields": None, **kwargs}
        return [
            new_row
            for instance in instances
            for receiver in receivers
            for new_row in receiver.new_rows(
                signal=signal,
                sender=self._model,
                instance=instance,
                previous=before.get(self._key(instance.pk)) if before else None,
                **common,
            )
        ]


def _has_schema(model: type[Model]) -> bool:
    """Whether its table is named with a schema. PostgreSQL locks no table of a join by such a name."""
    return '".' in model._meta.db_table


def _lock_rows(queryset: QuerySet[Any]) -> list[Any]:
    parts = [field.attname for field in queryset.model._meta.pk_fields]
    tables = () if _has_schema(queryset.model) else ("self",)
    locked = queryset.order_by("pk").select_for_update(no_key=True, of=tables)
    is_composite = len(parts) > 1  # no table that could be locked has its "pk"
    rows = locked.values_list(*parts) if is_composite else locked.values_list("pk", flat=True)
    with naming_grants(queryset.model, connections[queryset.db], "SELECT, UPDATE"):
        return list(dict.fromkeys(rows))


def _parts(pks: Sequence[Any], values: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """The rows of each UPDATE. An expression may depend on other rows, and a constraint that is checked at
    the end of a statement on all of them: then it is one statement, as Django's.
    """
    has_expression = any(hasattr(value, "resolve_expression") for value in values.values())
    return iter([pks] if has_expression and pks else _chunks(pks))


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
