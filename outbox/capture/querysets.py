"""Bulk writes that write events. Django itself sends signals only for ``QuerySet.delete()``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.db import models

from outbox.capture.bulk import Bulk
from outbox.errors import CannotCapture

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

M = TypeVar("M", bound=models.Model, covariant=True)


class CapturedQuerySet(models.QuerySet[M]):
    """``bulk_create``, ``bulk_update`` and ``update`` write the same events as saving each row.

    Rows and events are written in one transaction: the rows are locked in the order of their primary keys,
    changed, and read again for the ``@outbox.receiver`` of pre_save and post_save. Models without receivers
    use Django's normal bulk write.
    """

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Any]:
        """As Django's; raises CannotCapture for ``ignore_conflicts`` and ``update_conflicts``."""
        bulk = Bulk(self)
        if not bulk.has_receivers:
            return super().bulk_create(
                objs, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )
        if ignore_conflicts or update_conflicts:
            raise CannotCapture(
                f"bulk_create() of {self.model._meta.label} with ignore_conflicts or update_conflicts: "
                "PostgreSQL does not return which rows it wrote, so their events are unknown. Look up which "
                "exist, then bulk_create() the new ones and bulk_update() the others."
            )
        instances = list(objs)
        return bulk.create(instances, batch_size) if instances else instances

    def bulk_update(self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None) -> int:
        """As Django's."""
        bulk = Bulk(self)
        if not bulk.has_receivers:
            return super().bulk_update(objs, fields, batch_size)
        return bulk.update_each(list(objs), list(fields), batch_size)

    def update(self, **kwargs: Any) -> int:
        """As Django's; raises CannotCapture for a change of the primary key."""
        bulk = Bulk(self)
        if not (kwargs and bulk.has_receivers) or self.query.is_sliced or self.query.combinator:
            return super().update(**kwargs)
        rows = bulk.update(kwargs)
        self._result_cache = None
        return rows


class CapturedManager(models.Manager[M]):
    """A manager whose bulk writes are captured: see CapturedQuerySet."""

    _queryset_class: type[CapturedQuerySet[Any]] = CapturedQuerySet

    def get_queryset(self) -> CapturedQuerySet[M]:
        return cast("CapturedQuerySet[M]", super().get_queryset())
