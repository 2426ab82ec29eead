from __future__ import annotations

from typing import cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from outbox.models.event_queries import LIMIT


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to a limit, and has no pages beyond it: COUNT(*) of a table of millions takes seconds."""

    @cached_property
    def _found(self) -> int:
        rows = cast("QuerySet[Model]", self.object_list)
        return rows.order_by().values("pk")[: LIMIT + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._found, LIMIT)

    @property
    def capped(self) -> bool:
        """Whether there are more than ``count``."""
        return self._found > LIMIT


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """For rows that the outbox and its relays write, and nobody else."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    list_per_page = 50
    lookups: frozenset[str] = frozenset()
    """What a query string may filter by."""

    class Media:
        css = {"all": ["outbox/admin.css"]}

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the filters on the page: a hand-made query string could scan the table, or guess a payload."""
        return lookup in self.lookups
