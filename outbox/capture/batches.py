"""Rows that a deletion changes by their keys: those that an ``on_delete`` of a project has listed.

Django's own SET_NULL gives a queryset of the base manager, whose ``update()`` is captured. A list of rows
passes ``UpdateQuery.update_batch`` instead, some keys a statement: a database takes a limited number of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

from django.db.models.sql import UpdateQuery
from django.db.models.sql.constants import GET_ITERATOR_CHUNK_SIZE

from outbox.capture.querysets import CapturedQuerySet

_UPDATE_BATCH: Any = UpdateQuery.update_batch


def capture_batches() -> None:
    """Make the rows that a deletion lists write the events of the model's captured base manager."""

    @wraps(_UPDATE_BATCH)
    def update_batch(self: Any, pk_list: Sequence[Any], values: dict[str, Any], using: str) -> None:
        model: Any = self.get_meta().model
        if isinstance(model._base_manager.get_queryset(), CapturedQuerySet):
            rows: CapturedQuerySet[Any] = CapturedQuerySet(model, using=using)
            for start in range(0, len(pk_list), GET_ITERATOR_CHUNK_SIZE):
                rows.filter(pk__in=pk_list[start : start + GET_ITERATOR_CHUNK_SIZE]).update(**values)
        else:
            _UPDATE_BATCH(self, pk_list, values, using)

    setattr(UpdateQuery, "update_batch", update_batch)  # noqa: B010
